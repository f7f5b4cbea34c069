import assert from "node:assert/strict";
import { test } from "node:test";
import { IDS, KEYS } from "../testing/fake-services.ts";
import { answering, createPortWorld, readAll, readUntil, requestHead } from "../testing/port-world.ts";

/** What the client gets when the program answers with these bytes and ends. */
async function ask(bytes: string, line?: string, headers?: readonly string[]): Promise<string> {
  await using port = await createPortWorld(answering(bytes));
  const answer = await port.raw(requestHead(line, headers));
  // Whatever came, the server lives.
  assert.equal((await port.world.call("GET", "/healthz")).status, 200);
  return answer;
}

const headOf = (answer: string): string => answer.slice(0, answer.indexOf("\r\n\r\n"));

test("what is no HTTP answer is a 502", async () => {
  for (const bytes of [
    "",
    "hello\r\n\r\n",
    "HTTP/1.1 99 x\r\n\r\n",
    "HTTP/1.1 000 x\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 600 x\r\nContent-Length: 0\r\n\r\n",
    "HTTP/9.9 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA\0b: c\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\x01c\r\n\r\n",
    "HTTP/1.1 200 OK\r\n: c\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "SSH-2.0-OpenSSH_9.2\r\n",
    "\x16\x03\x01\x02\x00\x01\x00",
  ]) {
    const answer = await ask(bytes);
    assert.match(answer, /^HTTP\/1\.1 502 /, JSON.stringify(bytes));
    assert.ok(answer.includes("port_unavailable"), answer);
  }
});

test("a reason with characters that no head may hold does not come through, the answer does", async () => {
  const answer = await ask("HTTP/1.1 200 O\x01K\x80\x7f\r\nContent-Length: 2\r\n\r\nok");
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.ok(answer.endsWith("\r\n\r\nok"));
});

test("a head without end is cut at 64 KiB", async () => {
  await using port = await createPortWorld((socket) => {
    const more = (): void => {
      while (socket.writable && socket.write(`X-${"a".repeat(1000)}: b\r\n`));
      socket.once("drain", more);
    };
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\n");
      more();
    });
  });
  assert.match(await port.raw(requestHead()), /^HTTP\/1\.1 502 [^]*more headers than are passed on/);
  const [program] = port.connections;
  if (program?.closed === false) await new Promise((resolve) => program.once("close", resolve));
});

test("many headers come through, and none of them hides where the body ends", async () => {
  const many = Array.from({ length: 4000 }, (_, n) => `h${n}: x`).join("\r\n");
  const answer = await ask(`HTTP/1.1 200 OK\r\n${many}\r\nContent-Length: 2\r\n\r\nok and more`);
  assert.ok(headOf(answer).includes("h3999: x"));
  assert.match(headOf(answer), /^content-length: 2$/im);
  assert.ok(answer.endsWith("\r\n\r\nok"));
});

test("no answer but one to an upgrade changes the protocol", async () => {
  const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  assert.match(await ask(`${switching}bytes`), /^HTTP\/1\.1 502 /);
  assert.match(await ask("HTTP/1.1 101 x\r\n\r\nbytes"), /^HTTP\/1\.1 502 /);
  const upgrade = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13"];
  assert.match(await ask(switching.replace("websocket", "h2c"), "GET / HTTP/1.1", upgrade), /^HTTP\/1\.1 502 /);
  assert.match(await ask("HTTP/1.1 101 x\r\n\r\n", "GET / HTTP/1.1", upgrade), /^HTTP\/1\.1 502 /);
  // An upgrade to anything else is no upgrade.
  assert.match(
    await ask("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET / HTTP/1.1", ["Upgrade: h2c", "Connection: Upgrade"]),
    /^HTTP\/1\.1 200 /,
  );
});

test("interim answers are not passed on, and the last one is", async () => {
  const early = "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n".repeat(100);
  const answer = await ask(`HTTP/1.1 100 Continue\r\n\r\n${early}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
});

test("headers beyond ASCII come through byte for byte, as they were sent", async () => {
  const name = 'Content-Disposition: inline; filename="na\xc3\xafve caf\xe9"';
  for (const body of ["Content-Length: 2\r\n\r\nok", "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"])
    assert.ok(headOf(await ask(`HTTP/1.1 200 OK\r\n${name}\r\n${body}`)).includes(name));
  for (const status of ["204 No Content", "304 Not Modified"])
    assert.ok((await ask(`HTTP/1.1 ${status}\r\n${name}\r\n\r\n`)).includes(name), status);
  assert.ok((await ask(`HTTP/1.1 200 OK\r\n${name}\r\nContent-Length: 2\r\n\r\n`, "HEAD / HTTP/1.1")).includes(name));
});

test("trailers are not passed on, and the answer before them is whole", async () => {
  const answer = await ask(
    "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=1\r\n\r\n",
  );
  assert.ok(answer.endsWith("2\r\nok\r\n0\r\n\r\n") && !/x-sum|trailer/i.test(answer), answer);
});

test("an answer that breaks off does not look whole", async () => {
  const short = await ask("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  assert.match(headOf(short), /^content-length: 10$/im);
  assert.ok(short.endsWith("half"));
  const chunked = await ask("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  assert.match(headOf(chunked), /^transfer-encoding: chunked$/im);
  assert.ok(!chunked.includes("\r\n0\r\n"), chunked);
});

test("an answer that its connection ends is whole where the program ended it, not where the capsule was ended", async () => {
  const whole = await ask("HTTP/1.1 200 OK\r\n\r\nall");
  assert.ok(whole.endsWith("3\r\nall\r\n0\r\n\r\n"), whole);
  await using port = await createPortWorld();
  const connection = port.connection();
  const answer = port.raw(requestHead());
  const program = await connection;
  program.write("HTTP/1.1 200 OK\r\n\r\nhalf");
  port.world.services.capsuleGone();
  program.end();
  const half = await answer;
  assert.ok(!half.includes("\r\n0\r\n"), half);
  for (const [bytes, line] of [
    ["HTTP/1.1 204 No Content\r\n\r\n", "GET / HTTP/1.1"],
    ["HTTP/1.1 304 Not Modified\r\n\r\n", "GET / HTTP/1.1"],
    ["HTTP/1.1 200 OK\r\n\r\n", "HEAD / HTTP/1.1"],
  ] as const) {
    assert.match(await ask(bytes, line), /^HTTP\/1\.1 (?:200|204|304) [^]*\r\n\r\n$/);
  }
});

test("what follows an answer is nobody's", async () => {
  assert.ok((await ask("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nmore")).endsWith("\r\n\r\nok"));
  const head = await ask("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HEAD / HTTP/1.1");
  assert.ok(head.endsWith("\r\n\r\n"));
  const empty = await ask("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello");
  assert.ok(empty.endsWith("\r\n\r\n"));
});

test("cookies are the port's own; commands to the web server in front are not passed on", async () => {
  const answer = headOf(
    await ask(
      [
        "HTTP/1.1 200 OK",
        "Set-Cookie: a=1; Domain=localhost; Path=/",
        "Set-Cookie: capsuled_port=fixed; Path=/",
        "X-Accel-Redirect: /etc/passwd",
        "x-sendfile: /etc/passwd",
        'Alt-Svc: h3="evil.example:443"',
        "Keep-Alive: timeout=1",
        "Proxy-Authenticate: Basic",
        "X-Hop: 1",
        "Connection: x-hop",
        "X-Kept: 1",
        "Content-Length: 2",
        "",
        "ok",
      ].join("\r\n"),
    ),
  );
  assert.match(answer, /^set-cookie: a=1; Path=\/$/im);
  assert.match(answer, /^x-kept: 1$/im);
  assert.doesNotMatch(answer, /capsuled_port|accel|sendfile|alt-svc|proxy-auth|x-hop|timeout=1/i);
});

test("below a path of the API's an answer has no origin: nothing of it stays with the API's own", async () => {
  await using port = await createPortWorld(
    answering(
      "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nClear-Site-Data: *\r\nStrict-Transport-Security: max-age=9\r\nService-Worker-Allowed: /\r\nNEL: {}\r\nReport-To: {}\r\nContent-Security-Policy: default-src *\r\nContent-Length: 2\r\n\r\nok",
    ),
  );
  const path = `/v1/capsules/${IDS.running}/ports/3000/`;
  const answer = await port.world.call("GET", path);
  for (const name of ["set-cookie", "clear-site-data", "strict-transport-security", "service-worker-allowed", "nel", "report-to"])
    assert.equal(answer.headers.get(name), null, name);
  assert.equal(answer.headers.get("content-security-policy"), "default-src *, sandbox");
  for (const destination of ["document", "iframe", "serviceworker", "object"])
    assert.equal((await port.world.call("GET", path, { headers: { "sec-fetch-dest": destination } })).status, 403, destination);
});

test("a redirect takes no key away from the port", async () => {
  const away = "HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n";
  const refused = await ask(away);
  assert.match(refused, /^HTTP\/1\.1 502 /);
  assert.ok(!refused.includes("evil.example"));
  await using port = await createPortWorld(answering(away));
  port.world.services.publicPorts.add(3000);
  assert.match(await port.raw(requestHead()), /^HTTP\/1\.1 502 /, "a key that is not needed is one too");
  const without = requestHead().replace(`X-API-Key: ${KEYS.member}\r\n`, "");
  assert.match(await port.raw(without), /^HTTP\/1\.1 302 Found\r\n[^]*location: http:\/\/evil\.example\//i);
});

test("an early answer to a body that is still being sent comes through", async () => {
  await using port = await createPortWorld(answering("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"));
  const socket = await port.dial();
  socket.write(requestHead("POST / HTTP/1.1", ["Content-Length: 100000000"]));
  socket.write(Buffer.alloc(100_000));
  const answer = await readUntil(socket, (text) => text.endsWith("no"));
  assert.match(answer, /^HTTP\/1\.1 413 /);
  socket.destroy();
});

test("a client that leaves takes its connection to the program with it", async () => {
  await using port = await createPortWorld();
  const connection = port.connection();
  const socket = await port.dial();
  socket.write(requestHead());
  const program = await connection;
  const gone = readAll(program);
  await readUntil(program, (text) => text.includes("\r\n\r\n"));
  program.resume();
  assert.equal(port.world.services.portsOpen(), 1, "it counts as activity");
  socket.destroy();
  program.end();
  await gone;
  assert.equal(port.world.services.portsOpen(), 0);
});
