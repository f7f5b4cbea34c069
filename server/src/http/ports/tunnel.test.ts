import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { KEYS } from "../testing/fake-services.ts";
import type { PortWorld } from "../testing/port-world.ts";
import { answering, createPortWorld, PORT_HOST, readAll, readUntil } from "../testing/port-world.ts";

const HEAD = [
  "GET /socket HTTP/1.1",
  `Host: ${PORT_HOST}`,
  `X-API-Key: ${KEYS.member}`,
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version: 13",
  "",
  "",
].join("\r\n");
const SWITCHING =
  "HTTP/1.1 101 Whatever\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3p\r\nX-Name: caf\xe9\r\nSet-Cookie: a=1; Domain=localhost\r\n\r\n";

/** Both ends of a WebSocket's bytes, once the program has agreed to it. */
async function open(port: PortWorld, early = "", late = ""): Promise<{ client: Socket; program: Socket; asked: string; answered: string }> {
  const connection = port.connection();
  const client = await port.dial();
  client.write(HEAD + early);
  const program = await connection;
  const asked = await readUntil(program, (text) => text.includes("\r\n\r\n"));
  program.write(SWITCHING + late, "latin1");
  const answered = await readUntil(client, (text) => text.includes("\r\n\r\n"));
  return { client, program, asked, answered };
}

test("an upgrade goes through with its headers but the key, and bytes that came early reach their end", async () => {
  await using port = await createPortWorld();
  const { client, program, asked, answered } = await open(port, "early", "late");
  assert.match(asked, /^upgrade: websocket$/im);
  assert.match(asked, /^connection: upgrade$/im);
  assert.match(asked, /^sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==$/im);
  assert.ok(!asked.includes("wrn_"));
  assert.match(answered, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  assert.match(answered, /^sec-websocket-accept: s3p$/im);
  assert.match(answered, /^set-cookie: a=1$/im);
  assert.match(answered, /^x-name: caf\xe9$/im);
  if (!answered.endsWith("late")) await readUntil(client, (text) => text === "late");
  await readUntil(program, (text) => text === "early");
  client.write("\0\xff1", "latin1");
  await readUntil(program, (text) => text === "\0\xff1");
  program.write("2");
  await readUntil(client, (text) => text === "2");
  client.destroy();
});

test("each way ends by itself", async () => {
  await using port = await createPortWorld();
  const { client, program } = await open(port);
  client.end("last");
  assert.equal(await readAllButKeep(program), "last");
  program.end("still");
  assert.equal(await readAll(client), "still");
});

/** What comes until the other side has ended its way. */
function readAllButKeep(socket: Socket): Promise<string> {
  let text = "";
  return new Promise((resolve) => {
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    socket.on("end", () => resolve(text));
    socket.resume();
  });
}

test("when one side is gone, so is the other, and the place is free", async () => {
  await using port = await createPortWorld();
  for (const side of ["client", "program"] as const) {
    const both = await open(port);
    assert.equal(port.world.services.portsOpen(), 1);
    const other = side === "client" ? both.program : both.client;
    const gone = readAll(other);
    both[side].resetAndDestroy();
    await gone;
  }
  while (port.world.services.portsOpen() > 0) await new Promise((resolve) => setImmediate(resolve));
});

test("an upgrade that the program refuses is answered with its refusal, whole", async () => {
  const body = "x".repeat(1_000_000);
  await using port = await createPortWorld(answering(`HTTP/1.1 403 No\r\nX-Why: because\r\n\r\n${body}`));
  const answer = await port.raw(HEAD);
  assert.match(answer, /^HTTP\/1\.1 403 No\r\n/);
  assert.match(answer, /^x-why: because$/im);
  const sent = answer.slice(answer.indexOf("\r\n\r\n") + 4).replaceAll(/(?:^|\r\n)[0-9a-f]+\r\n/g, "");
  assert.equal(sent.replaceAll(/[^x]/g, "").length, body.length);
});

test("an upgrade with a body, without a key or to a port where nothing listens is an HTTP answer", async () => {
  await using port = await createPortWorld(answering(SWITCHING, false));
  assert.match(await port.raw(HEAD.replace("Upgrade: websocket", "Upgrade: websocket\r\nContent-Length: 5") + "hello"), /^HTTP\/1\.1 400 /);
  assert.match(await port.raw(HEAD.replace(`X-API-Key: ${KEYS.member}\r\n`, "")), /^HTTP\/1\.1 401 /);
  assert.match(await port.raw(HEAD.replace("3000-", "3001-")), /^HTTP\/1\.1 502 /);
  assert.equal(port.connections.length, 0);
});

test("a key that is revoked ends what it opened, and a server that stops ends every WebSocket", async () => {
  await using port = await createPortWorld();
  const first = await open(port);
  const gone = readAll(first.client);
  port.world.services.revoke(`key-${"2".repeat(25)}`);
  await gone;
  const second = await open(port);
  const stopped = readAll(second.client);
  await port.world.server.close(1000);
  await stopped;
});

test("a key that is revoked while its capsule is woken opens nothing", async () => {
  await using port = await createPortWorld();
  const { services } = port.world;
  const waking = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const openPort = services.ports.open;
  services.ports.open = async (...asked) => {
    waking.resolve();
    await goOn.promise;
    return openPort(...asked);
  };
  const answer = port.raw(HEAD);
  await waking.promise;
  services.access.authenticate = () => undefined;
  services.revoke(`key-${"2".repeat(25)}`);
  goOn.resolve();
  assert.match(await answer, /^HTTP\/1\.1 401 /);
  assert.equal(port.connections.length, 0);
});
