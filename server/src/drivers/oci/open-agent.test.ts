import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HandleGoneError } from "../../core/ports/driver.ts";
import { openAgentSocket } from "./open-agent.ts";

test("a full backlog is waited for, and who connects meanwhile gets through once there is room", async () => {
  using place = socketPlace();
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen({ path: place.path, backlog: 1 }, resolve));
  try {
    // The loop accepts nobody until this turn is over, so these fill the backlog.
    const held = Array.from({ length: 8 }, () => createConnection({ path: place.path }).on("error", () => {}));
    const sockets = await Promise.all(Array.from({ length: 50 }, () => openAgentSocket(place.path)));
    for (const socket of [...held, ...sockets]) socket.destroy();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("a socket on which nobody listens is gone at once", async () => {
  using place = socketPlace();
  await assert.rejects(openAgentSocket(place.path), HandleGoneError);
});

function socketPlace(): Disposable & { readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), "capsuled-open-agent-"));
  return { path: join(folder, "s"), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}
