import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { processUse } from "../harness/host.ts";
import { askPort, hostOf, keyed } from "../harness/port-request.ts";
import { rawConnection, sendRaw } from "../harness/raw-request.ts";
import { readState } from "../harness/state.ts";
import { waitUntil } from "../harness/wait.ts";

/** Answers with the bytes that the path names in hex, notes each request's head, and holds `/hold` open. */
const SERVER = `
import socket,threading,urllib.parse,time
heads=[]
def serve(c):
  data=b""
  try:
    while b"\\r\\n\\r\\n" not in data:
      got=c.recv(65536)
      if not got: return
      data+=got
    heads.append(data)
    path=data.split(b" ")[1].decode()
    if path=="/heads":
      text=b"\\n".join(h.hex().encode() for h in heads); c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n"%len(text)+text)
    elif path=="/hold":
      c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\n\\r\\ndata: 1\\n\\n")
      while c.recv(65536): pass
    elif path=="/headers":
      c.sendall(b"HTTP/1.1 200 OK\\r\\n")
      while True: c.sendall(b"X-%s: y\\r\\n"%(b"a"*1000))
    elif path=="/flood":
      c.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
      while True: c.sendall(b"z"*65536)
    else:
      c.sendall(bytes.fromhex(path[1:]))
  except OSError: pass
  finally: c.close()
s=socket.create_server(("127.0.0.1",3000),backlog=512)
while True:
  c,_=s.accept(); threading.Thread(target=serve,args=(c,),daemon=True).start()`;

const PORT = 3000;
let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
  await start(capsule);
});
after(() => capsule[Symbol.asyncDispose]());

async function start(where: TestCapsule): Promise<void> {
  await where.background({ cmd: "python3", args: ["-c", SERVER] });
  await waitUntil(async () => ((await ask("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", where)).status === 200 ? true : undefined), {
    what: "the server in the capsule",
  });
}

const pathOf = (bytes: string): string => `/${Buffer.from(bytes, "latin1").toString("hex")}`;
const ask = (bytes: string, where = capsule) => askPort(where.id, PORT, { path: pathOf(bytes), headers: keyed() });
const headOf = (line: string, headers: readonly string[] = []): string =>
  [line, `Host: ${hostOf(capsule.id, PORT)}`, `X-API-Key: ${readState().adminKey}`, ...headers, "", ""].join("\r\n");

test("answers that are none are 502, and the server goes on", async () => {
  for (const bytes of [
    "hello",
    "HTTP/1.1 000 x\r\n\r\n",
    "HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nbytes",
    "HTTP/1.1 200 OK\r\nA\0b: c\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 302 x\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n",
  ]) {
    assert.equal((await ask(bytes)).status, 502, JSON.stringify(bytes));
  }
  assert.equal((await askPort(capsule.id, PORT, { path: "/headers", headers: keyed() })).status, 502, "headers without end");
  assert.equal((await ask("HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nok")).body, "ok");
});

test("what an answer says beyond its port is left out", async () => {
  const said =
    "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Domain=localhost\r\nSet-Cookie: capsuled_port=x\r\nX-Accel-Redirect: /etc/passwd\r\nAlt-Svc: h3=x\r\nContent-Length: 2\r\n\r\nok";
  const { headers } = await ask(said);
  assert.deepEqual(headers["set-cookie"], ["a=1"]);
  assert.deepEqual([headers["x-accel-redirect"], headers["alt-svc"]], [undefined, undefined]);
});

test("what could be read as two requests is refused, or arrives as the one that it is", async () => {
  const inner = `GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`;
  for (const headers of [
    ["Content-Length: 5", "Transfer-Encoding: chunked"],
    ["Content-Length: 5", "Content-Length: 0"],
    ["Transfer-Encoding: chunked, identity"],
    ["Transfer-Encoding: xchunked"],
    ["Transfer-Encoding : chunked"],
    ["Transfer-Encoding:\x0bchunked"],
  ]) {
    const answer = await sendRaw(`${headOf("POST / HTTP/1.1", [...headers, "Connection: close"])}0\r\n\r\n${inner}`);
    assert.match(answer, /^HTTP\/1\.1 400 /, headers.join());
  }
  const ok = pathOf("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const named = ["Connection: close, content-length", `Content-Length: ${inner.length}`];
  assert.match(await sendRaw(headOf(`GET ${ok} HTTP/1.1`, named) + inner), /^HTTP\/1\.1 200 [^]*ok$/);
  const heads = (await askPort(capsule.id, PORT, { path: "/heads", headers: keyed() })).body.split("\n");
  const seen = heads.map((hex) => Buffer.from(hex, "hex").toString("latin1"));
  assert.ok(seen.length > 1);
  assert.ok(
    seen.every((head) => !head.startsWith("GET /smuggled")),
    "no request of its own",
  );
});

test("nothing that one request leaves behind reaches the next", async () => {
  const first = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  const poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
  const socket = await rawConnection();
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  const request = headOf(`GET ${pathOf(first + poison)} HTTP/1.1`);
  for (let n = 1; n <= 5; n += 1) {
    socket.write(request);
    await waitUntil(() => (text.split("\r\n\r\nok").length === n + 1 ? true : undefined), { what: `answer ${n}` });
  }
  socket.destroy();
  assert.ok(!text.includes("poison"));
});

test(
  "as many connections as a capsule takes are held, the next are 503, another capsule's go on, and all of it is given back",
  { timeout: 120_000 },
  async () => {
    await using other = await newCapsule();
    await start(other);
    const use = processUse(readState().pid);
    const sockets = await Promise.all(Array.from({ length: 300 }, () => rawConnection()));
    const statuses = await Promise.all(
      sockets.map(async (socket) => {
        const came = new Promise<string>((resolve) =>
          socket.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1").slice(9, 12))),
        );
        socket.write(headOf("GET /hold HTTP/1.1"));
        return came;
      }),
    );
    const open = statuses.filter((status) => status === "200").length;
    assert.equal(open, 128);
    assert.deepEqual(new Set(statuses), new Set(["200", "503"]));
    assert.equal((await ask("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).status, 503);
    assert.equal((await ask("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", other)).status, 200);
    assert.equal((await capsule.sh("echo still here")).stdout, "still here\n", "commands have room of their own");
    for (const socket of sockets) socket.destroy();
    await waitUntil(async () => ((await ask("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).status === 200 ? true : undefined), {
      what: "room",
    });
    await waitUntil(() => (processUse(readState().pid).descriptors <= use.descriptors + 20 ? true : undefined), {
      what: "the descriptors to be given back",
      timeoutMs: 30_000,
    });
  },
);

test("a client that reads nothing of an endless answer costs the server no memory", { timeout: 60_000 }, async () => {
  const before = processUse(readState().pid).rssBytes;
  const sockets = await Promise.all(Array.from({ length: 20 }, () => rawConnection()));
  for (const socket of sockets) {
    socket.pause();
    socket.write(headOf("GET /flood HTTP/1.1"));
  }
  // Another that reads as fast as it comes shows that the flood flows.
  const reader = await rawConnection();
  let bytes = 0;
  reader.on("data", (chunk: Buffer) => (bytes += chunk.length));
  reader.write(headOf("GET /flood HTTP/1.1"));
  await waitUntil(() => (bytes > 64 * 1024 * 1024 ? true : undefined), { what: "64 MiB", timeoutMs: 40_000 });
  const grown = processUse(readState().pid).rssBytes - before;
  for (const socket of [...sockets, reader]) socket.destroy();
  assert.ok(grown < 128 * 1024 * 1024, `${grown} bytes more`);
});

test("a capsule that is destroyed ends what is open to it, and the server goes on", { timeout: 60_000 }, async () => {
  const doomed = await newCapsule();
  await start(doomed);
  const head = headOf("GET /hold HTTP/1.1").replace(capsule.id, doomed.id);
  const sockets = await Promise.all(Array.from({ length: 10 }, () => rawConnection()));
  const ends = sockets.map((socket) => {
    const began = new Promise((resolve) => socket.once("data", resolve));
    const ended = new Promise((resolve) => socket.once("close", resolve));
    socket.write(head);
    return { began, ended };
  });
  await Promise.all(ends.map(({ began }) => began));
  await doomed[Symbol.asyncDispose]();
  await Promise.all(ends.map(({ ended }) => ended));
  assert.equal((await ask("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", doomed)).status, 409, "as every request to it");
});

test("what is open while a capsule is paused stays open, silent, and goes on with it", { timeout: 60_000 }, async () => {
  const socket = await rawConnection();
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  const late = pathOf("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
  // The head is not whole until after the pause.
  socket.write(headOf(`GET /hold HTTP/1.1`));
  await waitUntil(() => (text.includes("data: 1") ? true : undefined), { what: "the first event" });
  await capsule.pause();
  assert.equal((await askPort(capsule.id, PORT, { path: late, headers: keyed() })).status, 409);
  assert.equal(socket.destroyed, false);
  await capsule.resume();
  assert.equal((await askPort(capsule.id, PORT, { path: late, headers: keyed() })).body, "late");
  assert.equal(socket.destroyed, false);
  socket.destroy();
  await expectCall("pingCapsule", 204, { params: { id: capsule.id } });
});
