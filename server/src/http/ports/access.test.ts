import assert from "node:assert/strict";
import { test } from "node:test";
import { IDS, KEYS } from "../testing/fake-services.ts";
import type { PortWorld } from "../testing/port-world.ts";
import { answering, createPortWorld, PORT_HOST } from "../testing/port-world.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const TOKEN = `token-${IDS.running}-3000`;

/** Status and head of the answer to a request without a key, by host name. */
async function ask(port: PortWorld, target: string, headers: readonly string[] = [], method = "GET", host = PORT_HOST): Promise<string> {
  const answer = await port.raw([`${method} ${target} HTTP/1.1`, `Host: ${host}`, "Connection: close", ...headers, "", ""].join("\r\n"));
  return answer.slice(9, answer.indexOf("\r\n\r\n"));
}
const statusOf = (head: string): number => Number(head.slice(0, 3));

test("without a key, a link or a cookie the answer is the same for every capsule and port: 401", async () => {
  await using port = await createPortWorld(answering(OK));
  for (const id of [IDS.running, IDS.paused, IDS.absent])
    for (const number of [3000, 3001]) assert.equal(statusOf(await ask(port, "/", [], "GET", `${number}-${id}.localhost`)), 401);
  for (const key of ["", "nonsense", `wrn_${"f".repeat(40)}`, "wrn_" + "x".repeat(5000)])
    assert.equal(statusOf(await ask(port, "/", [`X-API-Key: ${key}`])), 401, key.slice(0, 50));
  assert.equal(port.connections.length, 0);
});

test("another team's key is answered as for a capsule that is not there", async () => {
  await using port = await createPortWorld(answering(OK));
  for (const host of [PORT_HOST, `3000-${IDS.absent}.localhost`])
    assert.equal(statusOf(await ask(port, "/", [`X-API-Key: ${KEYS.other}`], "GET", host)), 404);
});

test("a link opened as a page leaves a cookie on the port's own host name and comes back without the token", async () => {
  await using port = await createPortWorld(answering(OK));
  const head = await ask(port, `/page?x=1&capsuled_token=${TOKEN}&y`);
  assert.equal(statusOf(head), 302);
  assert.match(head, /^location: \/page\?x=1&y$/im);
  assert.match(head, new RegExp(`^set-cookie: capsuled_port=${TOKEN}; Path=/; HttpOnly; SameSite=Lax; Max-Age=\\d+$`, "im"));
  assert.match(head, /^referrer-policy: no-referrer$/im);
  const secure = await ask(port, `/?capsuled_token=${TOKEN}`, ["X-Forwarded-Proto: https"]);
  assert.match(secure, /^set-cookie: .*; Secure$/im);
  for (const target of ["//evil.example/", "/\\evil.example/"])
    assert.match(await ask(port, `${target}?capsuled_token=${TOKEN}`), /^location: \/$/im, "not to another host");
  assert.equal(port.connections.length, 0);
});

test("a token is good for its own port of its own capsule, and for nothing when it was changed", async () => {
  await using port = await createPortWorld(answering(OK));
  assert.equal(statusOf(await ask(port, `/?capsuled_token=${TOKEN}`, ["Content-Length: 0"], "POST")), 200);
  for (const token of [`token-${IDS.running}-3001`, `token-${IDS.paused}-3000`, `${TOKEN}x`, TOKEN.slice(1), ""]) {
    assert.equal(statusOf(await ask(port, `/?capsuled_token=${token}`)), 401, token);
    assert.equal(statusOf(await ask(port, "/", [`Cookie: capsuled_port=${token}`])), 401, token);
  }
  const good = `Cookie: capsuled_port=planted; capsuled_port=${TOKEN}`;
  assert.equal(statusOf(await ask(port, "/", [good])), 200, "beside a planted one");
  assert.equal(statusOf(await ask(port, "/?capsuled_token=old", [good])), 200, "beside a link that is over");
});

test("a cookie is for the port's own pages: other origins, and pages of other capsules, cannot use it", async () => {
  await using port = await createPortWorld(answering(OK));
  const cookie = `Cookie: capsuled_port=${TOKEN}`;
  for (const [headers, status] of [
    [[`Origin: http://${PORT_HOST}`], 200],
    [["Sec-Fetch-Site: same-origin"], 200],
    [["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"], 200],
    [["Origin: http://evil.example"], 401],
    [["Origin: null"], 401],
    [[`Origin: http://3001-${IDS.running}.localhost`], 401],
    [["Sec-Fetch-Site: same-site"], 401],
    [["Sec-Fetch-Site: cross-site"], 401],
    [["Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"], 401],
  ] as const) {
    assert.equal(statusOf(await ask(port, "/", [cookie, ...headers])), status, headers.join());
  }
  const post = [cookie, "Content-Length: 0", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
  assert.equal(statusOf(await ask(port, "/", post, "POST")), 401, "a form of another site's");
  const below = `/v1/capsules/${IDS.running}/ports/3000/`;
  assert.equal(statusOf(await ask(port, below, [cookie], "GET", "localhost")), 401, "never on the API's own host name");
});

test("a public port takes anybody, the others of the capsule stay private", async () => {
  await using port = await createPortWorld(answering(OK));
  const put = (isPublic: boolean): Promise<Response> =>
    port.world.call("PUT", `/v1/capsules/${IDS.running}/ports/3000`, { json: { public: isPublic } });
  assert.equal((await put(true)).status, 200);
  assert.equal(statusOf(await ask(port, "/")), 200);
  assert.equal(statusOf(await ask(port, "/", [`X-API-Key: ${KEYS.other}`])), 200, "another team's key is nothing here");
  assert.equal(statusOf(await ask(port, "/", [], "GET", `3001-${IDS.running}.localhost`)), 401);
  assert.equal((await put(false)).status, 200);
  assert.equal(statusOf(await ask(port, "/")), 401);
});

test("where no domain is set the links are paths of the API's", async () => {
  await using port = await createPortWorld(answering(OK));
  const list = async (headers: Readonly<Record<string, string>>): Promise<unknown> =>
    (await port.world.call("GET", `/v1/capsules/${IDS.running}/ports`, { headers })).json();
  const url = new URL(port.world.url);
  assert.deepEqual(await list({}), {
    ports: [{ port: 3000, address: "127.0.0.1", pid: null, public: false, url: `http://3000-${IDS.running}.localhost:${url.port}/` }],
  });
});
