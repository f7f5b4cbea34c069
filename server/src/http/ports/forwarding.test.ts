import assert from "node:assert/strict";
import { test } from "node:test";
import { IDS, KEYS } from "../testing/fake-services.ts";
import type { PortWorld } from "../testing/port-world.ts";
import { answering, createPortWorld, PORT_HOST, readAll, readUntil, requestHead } from "../testing/port-world.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** What the program gets of a request. */
async function received(port: PortWorld, bytes: string, isWhole = (text: string): boolean => text.includes("\r\n\r\n")): Promise<string> {
  const connection = port.connection();
  const answer = port.raw(bytes);
  const program = await connection;
  const text = await readUntil(program, isWhole);
  program.end(OK);
  assert.match(await answer, /^HTTP\/1\.1 200 OK/);
  return text;
}

const valuesOf = (head: string, name: string): readonly string[] =>
  head.split("\r\n").flatMap((line) => (line.toLowerCase().startsWith(`${name}:`) ? [line.slice(name.length + 1).trim()] : []));

test("neither a key nor our cookies reach the capsule, however they are written", async () => {
  await using port = await createPortWorld();
  const { member } = KEYS;
  // Two headers make a key that is none: the request is refused.
  assert.match(await port.raw(requestHead("GET / HTTP/1.1", [`x-api-KEY: junk ${member}`])), /^HTTP\/1\.1 401 /);
  assert.equal(port.connections.length, 0);
  const good = await received(
    port,
    requestHead("GET /?capsuled_token=abc&x=1 HTTP/1.1", [
      `Authorization: Bearer ${member}`,
      "Cookie: a=1; capsuled_port=s1",
      `Referer: http://${PORT_HOST}/page?capsuled_token=s3&y=2`,
      "Sec-Custom: kept",
    ]),
  );
  for (const secret of ["wrn_", "capsuled_", "s1", "s3"]) assert.ok(!good.includes(secret), good);
  assert.match(good, /^GET \/\?x=1 HTTP\/1\.1\r\n/);
  assert.deepEqual(valuesOf(good, "cookie"), ["a=1"]);
  assert.deepEqual(valuesOf(good, "referer"), [`http://${PORT_HOST}/page?y=2`]);
  assert.deepEqual(valuesOf(good, "sec-custom"), ["kept"]);
});

test("a program's own keys and credentials reach it", async () => {
  await using port = await createPortWorld();
  port.world.services.publicPorts.add(3000);
  const text = await received(
    port,
    `GET / HTTP/1.1\r\nHost: ${PORT_HOST}\r\nConnection: close\r\nX-API-Key: mine\r\nAuthorization: Basic YTpi\r\n\r\n`,
  );
  assert.deepEqual([valuesOf(text, "x-api-key"), valuesOf(text, "authorization")], [["mine"], ["Basic YTpi"]]);
});

test("who asks, by which name and scheme is said once, and truly", async () => {
  await using port = await createPortWorld();
  const lies = [
    "Host: lie.example",
    "Forwarded: for=lie",
    "X_Forwarded_For: lie",
    "X-Forwarded_Host: lie",
    "X-Forwarded-Prefix: /lie",
    "X-Forwarded-Port: 1",
    "X-Real-IP: lie",
    "Proxy-Authorization: lie",
    "Proxy-Connection: lie",
    "TE: lie",
    "Keep-Alive: lie",
    "X-Hop: lie",
  ];
  const text = await received(port, requestHead("GET / HTTP/1.1", [...lies, "Connection: x-hop, host, x-forwarded-for"]));
  assert.ok(!text.includes("lie"), text);
  assert.deepEqual(valuesOf(text, "host"), [PORT_HOST]);
  assert.deepEqual(valuesOf(text, "x-forwarded-for"), ["127.0.0.1"]);
  assert.deepEqual(valuesOf(text, "x-forwarded-host"), [PORT_HOST]);
  assert.deepEqual(valuesOf(text, "x-forwarded-proto"), ["http"]);
  assert.deepEqual(valuesOf(text, "x-forwarded-port"), ["80"]);
  assert.deepEqual(valuesOf(text, "x-real-ip"), ["127.0.0.1"]);
  assert.deepEqual(valuesOf(text, "connection"), ["close"]);
});

test("a proxy on this machine is believed: its client, its name and its scheme are passed on", async () => {
  await using port = await createPortWorld();
  const told = ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: app.example", "X-Forwarded-Proto: https"];
  const text = await received(port, requestHead("GET / HTTP/1.1", told));
  assert.deepEqual(valuesOf(text, "x-forwarded-for"), ["203.0.113.9, 127.0.0.1"]);
  assert.deepEqual(valuesOf(text, "x-forwarded-host"), ["app.example"]);
  assert.deepEqual(valuesOf(text, "x-forwarded-proto"), ["https"]);
  assert.deepEqual(valuesOf(text, "x-forwarded-port"), ["443"]);
  assert.deepEqual(valuesOf(text, "x-real-ip"), ["203.0.113.9"]);
});

test("below a path the program is told the prefix, and hears itself called localhost", async () => {
  await using port = await createPortWorld();
  const path = `/v1/capsules/${IDS.running}/ports/3000`;
  const text = await received(
    port,
    `GET ${path}/x HTTP/1.1\r\nHost: api.example\r\nX-API-Key: ${KEYS.member}\r\nConnection: close\r\n\r\n`,
  );
  assert.match(text, /^GET \/x HTTP/);
  assert.deepEqual(valuesOf(text, "host"), ["localhost:3000"]);
  assert.deepEqual(valuesOf(text, "x-forwarded-host"), ["api.example"]);
  assert.deepEqual(valuesOf(text, "x-forwarded-prefix"), [path]);
});

test("a body has one framing, whatever headers say of it: no second request can hide in it", async () => {
  await using port = await createPortWorld();
  const whole = (text: string): boolean => text.endsWith("hello") || text.endsWith("0\r\n\r\n");
  // A header that Connection names goes away; the length of a body never does.
  const named = await received(port, requestHead("GET / HTTP/1.1", ["Content-Length: 5", "Connection: content-length"]) + "hello", whole);
  assert.deepEqual([valuesOf(named, "content-length"), valuesOf(named, "transfer-encoding")], [["5"], []]);
  const chunked = await received(
    port,
    requestHead("GET / HTTP/1.1", ["Transfer-Encoding: chunked", "Connection: transfer-encoding"]) + "5\r\nhello\r\n0\r\n\r\n",
    whole,
  );
  assert.deepEqual([valuesOf(chunked, "content-length"), valuesOf(chunked, "transfer-encoding")], [[], ["chunked"]]);
  assert.match(chunked, /\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/);
  const none = await received(port, requestHead("POST / HTTP/1.1"));
  assert.deepEqual([valuesOf(none, "content-length"), valuesOf(none, "transfer-encoding")], [["0"], []]);
});

test("what could be read as two requests is refused, and no program sees any of it", async () => {
  await using port = await createPortWorld(answering(OK));
  for (const [headers, body] of [
    [["Content-Length: 5", "Transfer-Encoding: chunked"], "0\r\n\r\n"],
    [["Content-Length: 5", "Content-Length: 6"], "hello!"],
    [["Content-Length: +5"], "hello"],
    [["Transfer-Encoding: gzip, chunked"], "0\r\n\r\n"],
    [["Transfer-Encoding: chunked, identity"], "0\r\n\r\n"],
    [["Transfer-Encoding:\x0bchunked"], "0\r\n\r\n"],
    [["X: a\nY: b"], ""],
    [["X : a"], ""],
    [[" folded: a"], ""],
  ] as const) {
    const answer = await port.raw(requestHead("POST / HTTP/1.1", headers) + body);
    assert.match(answer, /^HTTP\/1\.1 400 /, JSON.stringify(headers));
  }
  for (const line of ["GET http://evil.example/ HTTP/1.1", "OPTIONS * HTTP/1.1"])
    assert.match(await port.raw(requestHead(line)), /^HTTP\/1\.1 400 /, line);
  assert.equal(port.connections.length, 0);
  // The head is good, the body turns out to be none: the program does not get its end.
  const connection = port.connection();
  const answer = port.raw(`${requestHead("POST / HTTP/1.1", ["Transfer-Encoding: chunked"])}5\r\nhello\r\n5;\nx\r\nhello\r\n0\r\n\r\n`);
  const got = readAll(await connection);
  assert.match(await answer, /^HTTP\/1\.1 400 /);
  assert.ok(!(await got).endsWith("0\r\n\r\n"));
});

test("each request has a connection of its own to the program: nothing that one leaves behind reaches the next", async () => {
  await using port = await createPortWorld(answering(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`, false));
  const keptOpen = requestHead().replace("Connection: close\r\n", "");
  const socket = await port.dial();
  for (let n = 0; n < 2; n += 1) {
    socket.write(keptOpen);
    const answer = await readUntil(socket, (text) => text.endsWith("ok"));
    assert.ok(!answer.includes("poison"));
  }
  assert.equal(port.connections.length, 2);
  socket.destroy();
});
