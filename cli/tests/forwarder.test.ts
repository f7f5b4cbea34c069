import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { request as ask } from "node:http";
import type { RequestOptions } from "node:http";
import { connect, Socket } from "node:net";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Forwarder } from "../src/forward/forwarder.ts";

const PASS = { host: "3000-cl-1.localhost", origin: "http://3000-cl-1.localhost", cookie: "c=1" };

/** A way whose pass takes until a test gives it, and what was asked for over it. */
function slowRoute() {
  const asked = Promise.withResolvers<void>();
  const given = Promise.withResolvers<typeof PASS>();
  const requests: RequestOptions[] = [];
  return {
    asked: asked.promise,
    give: () => given.resolve(PASS),
    requests,
    pass() {
      asked.resolve();
      return given.promise;
    },
    request(_: unknown, options: RequestOptions) {
      requests.push(options);
      return ask({ host: "127.0.0.1", port: 1 });
    },
    close() {},
  };
}

/** The sockets that servers of this process take meanwhile. */
function watchSockets(): { readonly taken: Socket[]; readonly stop: () => void } {
  const taken: Socket[] = [];
  const onSocket = (message: unknown): void => {
    if (typeof message === "object" && message !== null && "socket" in message && message.socket instanceof Socket)
      taken.push(message.socket);
  };
  subscribe("net.server.socket", onSocket);
  return { taken, stop: () => unsubscribe("net.server.socket", onSocket) };
}

for (const [what, headers] of [
  ["a request", ""],
  ["a WebSocket", "Connection: Upgrade\r\nUpgrade: websocket\r\n"],
] as const) {
  test(`${what} whose client leaves before it is let in goes to nobody`, async () => {
    const route = slowRoute();
    const forwarder = new Forwarder(route);
    const sockets = watchSockets();
    try {
      const client = connect(await forwarder.listen(0), "127.0.0.1");
      client.write(`GET / HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`);
      await route.asked;
      const [server] = sockets.taken;
      assert.ok(server !== undefined);
      const left = new Promise<void>((resolve) => server.once("close", () => resolve()));
      client.resetAndDestroy();
      await left;
      route.give();
      await turn();
      assert.deepEqual(route.requests, []);
    } finally {
      sockets.stop();
      forwarder.close();
    }
  });
}

test("a request whose client waits for it goes on once it is let in", async () => {
  const route = slowRoute();
  const forwarder = new Forwarder(route);
  try {
    const answered = fetch(`http://127.0.0.1:${await forwarder.listen(0)}/there`);
    await route.asked;
    route.give();
    const answer = await answered;
    assert.equal(answer.status, 502, "nobody listens where it goes");
    assert.deepEqual(
      route.requests.map(({ path }) => path),
      ["/there"],
    );
    await answer.body?.cancel();
  } finally {
    forwarder.close();
  }
});
