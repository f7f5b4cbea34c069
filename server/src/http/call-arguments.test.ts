import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { FIELDS_MAX } from "./calls/given-arguments.ts";
import { OTHER_OWNER, OWNER } from "./testing/fake-endpoints.ts";
import { KEYS } from "./testing/fake-services.ts";
import { problemOf } from "./testing/problem-shape.ts";
import { publish } from "./testing/requests.ts";
import type { World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";

const CALL = `/v1/${OWNER}/job`;
const JSON_ONLY = { accept: "application/json" };

async function worldWith(definition: Readonly<Record<string, unknown>> = {}): Promise<World> {
  const world = await createWorld();
  await publish(world, "job", { command: "echo", ...definition });
  return world;
}

test("arguments come from a JSON body, a form of either kind, the query, or two of them", async () => {
  await using world = await worldWith({ args: [{ name: "a" }, { name: "n", type: "integer" }] });
  const form = new FormData();
  form.set("a", "x");
  form.set("n", "5");
  const multipart = new Response(form);
  const type = multipart.headers.get("content-type") ?? "";
  const bodies: readonly (readonly [string, string, string | undefined, string | undefined])[] = [
    ["POST", "", '{"a":"x","n":5}', "application/json"],
    ["POST", "", '{"a":"x","n":"5"}', "application/vnd.thing+json; charset=utf-8"],
    ["POST", "", "a=x&n=5", "application/x-www-form-urlencoded"],
    ["POST", "", await multipart.text(), type],
    ["GET", "?a=x&n=5", undefined, undefined],
    ["POST", "?n=5", '{"a":"x"}', "application/json"],
    ["POST", "?a=x&n=5", "", "application/json"],
  ];
  for (const [method, query, body, contentType] of bodies) {
    const response = await world.call(method, CALL + query, {
      headers: { ...JSON_ONLY, ...(contentType === undefined ? {} : { "content-type": contentType }) },
      ...(body === undefined ? {} : { body }),
    });
    assert.equal(response.status, 200, `${contentType} ${await response.clone().text()}`);
    assert.deepEqual(world.runs.last.request.args, { a: "x", n: 5 });
    assert.deepEqual(world.runs.last.request.invocation, { cmd: "echo", args: ["x", "5"], env: {} });
  }
});

test("arguments that are given twice, nested, unknown, or in a body of another kind are refused, naming them", async () => {
  await using world = await worldWith({ args: [{ name: "a", required: true }] });
  for (const [query, body, contentType, field] of [
    ["?a=1&a=2", "", "", "a"],
    ["?a=1", '{"a":1}', "application/json", "a"],
    ["", "a=1&a=2", "application/x-www-form-urlencoded", "a"],
    ["", '{"a":{"b":1}}', "application/json", "a"],
    ["", '{"b":1,"a":1}', "application/json", "b"],
    ["", "[1]", "application/json", "body"],
    ["", "{", "application/json", "body"],
    ["", "--x", "multipart/form-data; boundary=x", "body"],
    ["", "", "", "a"],
    ["", '{"a":1,"a":2}', "application/json", "a"],
    ["", '{"a":"\\",","\\u0061" : "}"}', "application/json", "a"],
    ["", '{"a":12345678901234567890}', "application/json", "a"],
    ["?a=%ff", "", "", "query"],
    ["?a=%C3%A9%e9", "", "", "query"],
    ["", "a=%ff", "application/x-www-form-urlencoded", "body"],
    ["", "a=é%c3", "application/x-www-form-urlencoded", "body"],
  ] as const) {
    const response = await world.call("POST", CALL + query, body === "" ? {} : { body, headers: { "content-type": contentType } });
    const problem = await problemOf(response);
    assert.deepEqual([problem.code, problem.details?.["field"]], ["invalid_request", field], `${query} ${body} ${problem.message}`);
  }
  const upload = new FormData();
  upload.set("a", new Blob(["x"]), "file.txt");
  const file = new Response(upload);
  const refused = await world.call("POST", CALL, {
    body: await file.text(),
    headers: { "content-type": file.headers.get("content-type") ?? "" },
  });
  assert.match((await problemOf(refused)).message, /is a file/);
  assert.equal(world.runs.all.length, 0);
});

test("text in UTF-8 comes as it is however it is sent, and bytes that are none are refused, not changed", async () => {
  await using world = await worldWith({ args: [{ name: "a" }] });
  const part = (value: Uint8Array): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(
      Buffer.concat([Buffer.from('--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n'), value, Buffer.from("\r\n--x--\r\n")]),
    );
  for (const [query, body, contentType] of [
    ["?a=%C3%A9%EF%BF%BD100%25+%", "", ""],
    ["", "a=%C3%A9%EF%BF%BD100%25+%", "application/x-www-form-urlencoded"],
    ["", "a=é�100%25+%", "application/x-www-form-urlencoded"],
    ["", part(Buffer.from("é�100% %")), "multipart/form-data; boundary=x"],
    ["", '{"a":"é�100% %"}', "application/json"],
  ] as const) {
    const response = await world.call("POST", CALL + query, { body, headers: { ...JSON_ONLY, "content-type": contentType } });
    assert.equal(response.status, 200, await response.clone().text());
    assert.deepEqual(world.runs.last.request.args, { a: "é�100% %" });
  }
  const headers = { ...JSON_ONLY, "content-type": "multipart/form-data; boundary=x" };
  const problem = await problemOf(await world.call("POST", CALL, { body: part(Uint8Array.of(0xff)), headers }));
  assert.match(problem.message, /^body: is not valid UTF-8/);
});

test("a compressed body is told for what it is where it would be looked into, and is the input as it stands with stdin: body", async () => {
  const body = gzipSync('{"a":"x"}');
  const headers = { ...JSON_ONLY, "content-type": "application/json", "content-encoding": "gzip" };
  await using world = await worldWith({ args: [{ name: "a" }] });
  const problem = await problemOf(await world.call("POST", CALL, { body, headers }));
  assert.deepEqual([problem.code, problem.message], ["unsupported_media_type", "Send the body without Content-Encoding, not compressed."]);
  const operation = await problemOf(await world.call("PUT", "/v1/endpoints/other", { key: KEYS.admin, body, headers }));
  assert.equal(operation.code, "unsupported_media_type");
  await using plain = await worldWith({ stdin: "body" });
  assert.equal((await plain.call("POST", CALL, { body, headers })).status, 200);
  assert.deepEqual(Buffer.from(plain.runs.last.request.stdin ?? []), body);
});

test("with stdin: body the bytes are the command's standard input as they are, and arguments come from the query", async () => {
  await using world = await worldWith({ stdin: "body", args: [{ name: "a" }] });
  const body = Uint8Array.of(0, 255, 10, 13, 34);
  const response = await world.call("POST", `${CALL}?a=x`, { body, headers: { ...JSON_ONLY, "content-type": "image/png" } });
  assert.equal(response.status, 200);
  assert.deepEqual(Buffer.from(world.runs.last.request.stdin ?? []), Buffer.from(body));
  assert.deepEqual(world.runs.last.request.args, { a: "x" });
});

test("an endpoint takes its own methods only; HEAD runs nothing", async () => {
  await using world = await worldWith();
  await publish(world, "put-only", { command: "echo", method: "PUT" });
  for (const [path, method, allow] of [
    [CALL, "PUT", "GET, POST"],
    [CALL, "HEAD", "GET, POST"],
    [`/v1/${OWNER}/put-only`, "GET", "PUT"],
  ] as const) {
    const response = await world.call(method, path);
    assert.deepEqual([response.status, response.headers.get("allow")], [405, allow]);
  }
  assert.equal((await world.call("PUT", `/v1/${OWNER}/put-only`, { headers: JSON_ONLY })).status, 200);
  assert.equal(world.runs.all.length, 1);
});

test("who calls: own key, a public endpoint without a key or with another team's; what is private is hidden", async () => {
  await using world = await worldWith();
  await publish(world, "open", { command: "echo", public: true });
  const open = `/v1/${OWNER}/open`;
  for (const [path, key, status, source] of [
    [CALL, KEYS.member, 200, "api"],
    [open, KEYS.member, 200, "api"],
    [open, KEYS.other, 200, "public"],
    [open, null, 200, "public"],
    [CALL, null, 401, null],
    [`/v1/${OWNER}/absent`, null, 401, null],
    [`/v1/${OTHER_OWNER}/job`, null, 401, null],
    [CALL, KEYS.other, 404, null],
    [`/v1/${OWNER}/absent`, KEYS.other, 404, null],
    [open, `wrn_${"f".repeat(40)}`, 401, null],
  ] as const) {
    const response = await world.call("GET", path, { key, headers: JSON_ONLY });
    assert.equal(response.status, status, path);
    await response.arrayBuffer();
    if (source === null) continue;
    assert.equal(world.runs.last.record.source, source);
    assert.equal(world.runs.last.record.keyId === null, source === "public");
  }
});

test("a body of more fields than are looked at is refused before any of them is read, in whatever form", async () => {
  await using world = await worldWith({ args: [{ name: "a" }] });
  const part = (name: string): string => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\nx\r\n`;
  const many = Array.from({ length: FIELDS_MAX + 2 }, (_, index) => `f${index}`);
  const bodies: readonly (readonly [string, string])[] = [
    ["application/x-www-form-urlencoded", many.map((name) => `${name}=x`).join("&")],
    ["application/json", JSON.stringify(Object.fromEntries(many.map((name) => [name, "x"])))],
    ["application/json", `{"a":[${"1,".repeat(500_000)}1]}`],
    ["application/x-www-form-urlencoded", "&".repeat(4 * 1024 * 1024)],
    ["multipart/form-data; boundary=b", `${many.map(part).join("")}--b--`],
  ];
  for (const [contentType, body] of bodies) {
    const problem = await problemOf(await world.call("POST", CALL, { body, headers: { "content-type": contentType } }));
    assert.equal(problem.message, `body: has more than ${FIELDS_MAX} fields`, contentType);
  }
  const commas = { body: JSON.stringify({ a: '",'.repeat(5000) }), headers: { ...JSON_ONLY, "content-type": "application/json" } };
  assert.equal((await world.call("POST", CALL, commas)).status, 200);
});
