import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { answering, createPortWorld, readAll, readUntil, requestHead } from "../testing/port-world.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

test("beyond the bound of a capsule, and of all, a request is a 503, and its place is free again after an answer", async () => {
  for (const bounds of [{ capsuleMax: 2 }, { allMax: 2 }]) {
    await using port = await createPortWorld(undefined, bounds);
    const answers: Promise<string>[] = [];
    const programs: Socket[] = [];
    for (let n = 0; n < 2; n += 1) {
      const connection = port.connection();
      answers.push(port.raw(requestHead()));
      programs.push(await connection);
    }
    const refused = await port.raw(requestHead());
    assert.match(refused, /^HTTP\/1\.1 503 [^]*retry-after: \d[^]*connection_limit/i);
    for (const program of programs) program.end(OK);
    for (const answer of await Promise.all(answers)) assert.match(answer, /^HTTP\/1\.1 200 /);
    const connection = port.connection();
    const answer = port.raw(requestHead());
    (await connection).end(OK);
    assert.match(await answer, /^HTTP\/1\.1 200 /);
  }
});

test("a program that does not answer is given up with a 504", async () => {
  await using port = await createPortWorld(() => {}, { answerMs: 50, checkMs: 10 });
  assert.match(await port.raw(requestHead()), /^HTTP\/1\.1 504 [^]*timeout/);
});

test("a client that stops in the middle of its body loses its connection, and the program too", async () => {
  await using port = await createPortWorld(undefined, { stallMs: 50, checkMs: 10 });
  const connection = port.connection();
  const client = await port.dial();
  const all = readAll(client);
  client.write(`${requestHead("POST / HTTP/1.1", ["Content-Length: 100"])}half`);
  const program = readAll(await connection);
  assert.equal(await all, "");
  assert.ok((await program).endsWith("half"));
});

test("a client that takes nothing of an answer loses its connection; what was not taken is not collected", async () => {
  let written = 0;
  await using port = await createPortWorld(
    (socket) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): void => {
        let room = true;
        while (room && socket.writable) {
          room = socket.write(chunk);
          written += chunk.length;
        }
        socket.once("drain", more);
      };
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        more();
      });
    },
    { stallMs: 200, checkMs: 10 },
  );
  const connection = port.connection();
  const client = await port.dial();
  client.pause();
  client.write(requestHead());
  const program = await connection;
  await new Promise((resolve) => program.once("close", resolve));
  assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken from the program`);
  assert.equal(port.world.services.portsOpen(), 0);
  client.destroy();
});

test("an answer without news, and a WebSocket without words, stay open", async () => {
  await using port = await createPortWorld(undefined, { stallMs: 20, answerMs: 20, checkMs: 5 });
  const connection = port.connection();
  const client = await port.dial();
  client.write(requestHead());
  const program = await connection;
  program.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
  await readUntil(client, (text) => text.includes("data: 1"));
  // Many looks at it.
  await new Promise((resolve) => setTimeout(resolve, 200));
  program.end("data: 2\n\n");
  assert.ok((await readAll(client)).includes("data: 2"));
});

test("a head that never ends is cut by the server's own bound, and no program is asked", async () => {
  await using port = await createPortWorld(answering(OK));
  assert.match(await port.raw(requestHead("GET / HTTP/1.1", [`X: ${"a".repeat(20_000)}`])), /^HTTP\/1\.1 413 /);
  assert.equal(port.connections.length, 0);
});
