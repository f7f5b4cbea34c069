import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { test } from "node:test";
import type { SendOutcome } from "../core/ports/notification-sender.ts";
import type { Resolve } from "./resolve.ts";
import { resolveBySystem } from "./resolve.ts";
import type { SenderOptions } from "./sender.ts";
import { createSender } from "./sender.ts";

const never = new AbortController().signal;

/** A receiver on loopback, by name and port; closed with all of its connections. */
async function withReceiver(answer: RequestListener, work: (port: number) => Promise<void>, host = "127.0.0.1"): Promise<void> {
  const server = createServer(answer);
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  try {
    await work(address.port);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function post(url: string, options: Partial<SenderOptions> = {}, signal = never): Promise<SendOutcome> {
  const sender = createSender({ allowPrivate: true, resolve: resolveBySystem, ...options });
  return sender.post(url, { "content-type": "application/json", "webhook-id": "run-1" }, '{"text":"é"}', signal);
}

/** Never to be asked. */
const noResolve: Resolve = async (host) => assert.fail(`${host} was looked up`);

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

test("posts the body with its headers and tells the answer's status", async () => {
  const seen = Promise.withResolvers<{
    method: string | undefined;
    headers: IncomingMessage["headers"];
    body: string;
    url: string | undefined;
  }>();
  await withReceiver(
    (request, response) => {
      void textOf(request).then((body) => {
        seen.resolve({ method: request.method, headers: request.headers, body, url: request.url });
        response.writeHead(204).end();
      });
    },
    async (port) => {
      assert.deepEqual(await post(`http://localhost:${port}/hook?a=b`), { kind: "answered", status: 204, retryAfterMs: null });
      const { method, headers, body, url } = await seen.promise;
      assert.equal(method, "POST");
      assert.equal(url, "/hook?a=b");
      assert.equal(body, '{"text":"é"}');
      assert.equal(headers["content-length"], String(Buffer.byteLength(body)));
      assert.equal(headers["webhook-id"], "run-1");
      assert.equal(headers.host, `localhost:${port}`);
    },
  );
});

test("follows no redirect, and tells what Retry-After asks for", async () => {
  let calls = 0;
  await withReceiver(
    (request, response) => {
      calls += 1;
      if (request.url === "/busy") response.writeHead(429, { "retry-after": "7" }).end();
      else response.writeHead(307, { location: "/busy" }).end();
    },
    async (port) => {
      assert.deepEqual(await post(`http://127.0.0.1:${port}/`), { kind: "answered", status: 307, retryAfterMs: null });
      assert.equal(calls, 1);
      assert.deepEqual(await post(`http://127.0.0.1:${port}/busy`), { kind: "answered", status: 429, retryAfterMs: 7000 });
    },
  );
});

/** The ways to write loopback that a URL takes. */
const LOOPBACK_HOSTS = [
  "127.0.0.1",
  "127.1",
  "2130706433",
  "0x7f000001",
  "0177.0.0.1",
  "0x7f.1",
  "017700000001",
  "127.0.0.1.",
  "①②⑦.⓪.⓪.①",
  "%31%32%37.0.0.1",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "localhost",
  "LOCALHOST",
  "a.localhost",
  "localhost.",
];

test("refuses loopback however it is written, and connects to nothing", async () => {
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  for (const host of LOOPBACK_HOSTS) {
    const outcome = await post(`http://${host}:${address.port}/`, { allowPrivate: false, resolve: noResolve });
    assert.equal(outcome.kind, "refused", `${host}: ${JSON.stringify(outcome)}`);
  }
  assert.equal(connections, 0);
  for (const host of ["127.1", "2130706433", "[::ffff:127.0.0.1]"]) await post(`http://${host}:${address.port}/`);
  assert.ok(connections >= 2, "the same hosts lead here where they are allowed");
  await new Promise((resolve) => server.close(resolve));
});

test("refuses a name of which any address is not public, and one that is not http", async () => {
  for (const addresses of [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::1"], ["64:ff9b::a9fe:a9fe"], ["fe80::1%lo"], ["nonsense"]]) {
    const outcome = await post("http://receiver.example/", { allowPrivate: false, resolve: async () => addresses });
    assert.equal(outcome.kind, "refused", addresses.join());
  }
  for (const url of ["ftp://receiver.example/", "file:///etc/passwd", "no url", "http://"])
    assert.equal((await post(url, { allowPrivate: false, resolve: noResolve })).kind, "refused", url);
});

test("connects to the address that was checked: a name that has become another is not looked up again", async () => {
  let calls = 0;
  await withReceiver(
    (_request, response) => {
      calls += 1;
      response.end();
    },
    async (port) => {
      const answers = [["127.0.0.1"], ["10.255.255.1"]];
      let asked = 0;
      const outcome = await post(`http://rebinding.example:${port}/`, {
        resolve: async () => answers[asked++] ?? assert.fail("a third look"),
      });
      assert.deepEqual(outcome, { kind: "answered", status: 200, retryAfterMs: null });
      assert.deepEqual({ asked, calls }, { asked: 1, calls: 1 });
    },
  );
});

test("gives up on a receiver that takes and says nothing, a name that is never found, and when it is told to", async () => {
  const held: Socket[] = [];
  const server = createTcpServer((socket) => held.push(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const url = `http://127.0.0.1:${address.port}/`;
  try {
    assert.deepEqual(await post(url, { attemptMs: 100 }), { kind: "unanswered", message: "No answer within 0.1 s." });
    const stuck = await post("http://slow.example/", { attemptMs: 100, resolve: () => new Promise(() => {}) });
    assert.deepEqual(stuck, { kind: "unanswered", message: "No answer within 0.1 s." });
    const told = new AbortController();
    const outcome = post(url, {}, told.signal);
    setImmediate(() => told.abort());
    assert.equal((await outcome).kind, "unanswered");
    assert.equal((await post(url, {}, told.signal)).kind, "unanswered", "aborted before it begins");
  } finally {
    for (const socket of held) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
  assert.deepEqual(await post(url), { kind: "unanswered", message: "The connection was refused." });
  const missing = await post("http://missing.example/", { resolve: async () => [] });
  assert.deepEqual(missing, { kind: "unanswered", message: "Its host has no address." });
});

test("reads no more than a little of an endless answer and lets go of the connection", async () => {
  let written = 0;
  const closed = Promise.withResolvers<void>();
  await withReceiver(
    (_request, response) => {
      response.on("close", () => closed.resolve());
      const chunk = Buffer.alloc(16 * 1024);
      const more = (): void => {
        while (!response.destroyed && written < 2 ** 30) {
          written += chunk.length;
          if (!response.write(chunk)) {
            response.once("drain", more);
            return;
          }
        }
      };
      response.writeHead(200);
      more();
    },
    async (port) => {
      assert.equal((await post(`http://127.0.0.1:${port}/`)).kind, "answered");
      await closed.promise;
      assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken`);
    },
  );
});

test("an https URL is not answered by a server that speaks plain HTTP, nor by one that upgrades", async () => {
  await withReceiver(
    (_request, response) => response.end(),
    async (port) => assert.equal((await post(`https://127.0.0.1:${port}/`)).kind, "unanswered"),
  );
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  assert.equal((await post(`http://127.0.0.1:${address.port}/`)).kind, "unanswered");
  await new Promise((resolve) => server.close(resolve));
});
