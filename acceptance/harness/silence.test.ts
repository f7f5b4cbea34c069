import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { test } from "node:test";
import type { Watched } from "./silence.ts";
import { watchForSilence } from "./silence.ts";

/** A server that answers, until it is asked for what holds its event loop for ever. */
const SERVER = `
  const server = require("node:http").createServer((request, response) => {
    if (request.url === "/hold") (async () => { for (;;) await null; })();
    response.end();
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
`;

async function serverFor(context: TestContext): Promise<Watched & { readonly child: ChildProcess }> {
  const child = spawn(process.execPath, ["-e", SERVER], { stdio: ["ignore", "pipe", "inherit"] });
  context.after(() => child.kill("SIGKILL"));
  const { pid, stdout } = child;
  assert.ok(pid !== undefined && stdout !== null);
  const line: readonly unknown[] = await once(createInterface(stdout), "line");
  return { pid, url: `http://127.0.0.1:${String(line[0])}`, child };
}

test("a server that lives and answers nothing is told once", async (context) => {
  const { pid, url } = await serverFor(context);
  const told: number[] = [];
  const silent = Promise.withResolvers<void>();
  const end = watchForSilence({
    server: () => ({ pid, url }),
    silenceMs: 3000,
    everyMs: 50,
    onSilence: (server) => {
      told.push(server.pid);
      silent.resolve();
    },
  });
  context.after(end);
  const alive = setInterval(() => {}, 1000);
  context.after(() => clearInterval(alive));
  for (let times = 0; times < 20; times += 1) await (await fetch(url)).text();
  assert.deepEqual(told, [], "it answers");
  fetch(`${url}/hold`).catch(() => {});
  await silent.promise;
  assert.deepEqual(told, [pid]);
});

test("a server that has ended, was stopped, refuses or is not known is not silent", async (context) => {
  const ended = await serverFor(context);
  ended.child.kill("SIGKILL");
  await once(ended.child, "exit");
  const stopped = await serverFor(context);
  stopped.child.kill("SIGSTOP");
  const refusing = { pid: process.pid, url: ended.url };
  const servers: readonly (() => Watched)[] = [
    () => ended,
    () => stopped,
    () => refusing,
    () => {
      throw new Error("its state is being written");
    },
  ];
  for (const server of servers)
    context.after(watchForSilence({ server, silenceMs: 400, everyMs: 50, onSilence: () => assert.fail("it is not silent") }));
  await new Promise((resolve) => setTimeout(resolve, 1000));
});
