import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Capsule } from "capsuled";
import { startCli } from "../harness/cli.ts";
import type { CliRun } from "../harness/cli.ts";
import { meddlingProxy } from "../harness/meddling-proxy.ts";
import type { MeddlingProxy } from "../harness/meddling-proxy.ts";
import { sdkClient } from "../harness/sdk.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

const GONE = "the connection is gone; connecting again";
const BACK = "the connection is back";

/** Both, as a command with these arguments says them: a line each, as JSON where that is asked for. */
function both(args: readonly string[]): string {
  return [GONE, BACK].map((note) => (args.includes("--json") ? `${JSON.stringify({ note })}\n` : `capsuled: ${note}\n`)).join("");
}

let capsule: Capsule;
let env: Readonly<Record<string, string>>;

before(async () => {
  const { key } = await newTeam();
  env = { CAPSULED_API_KEY: key };
  capsule = await sdkClient({ apiKey: key }).capsules.create({ name: "box" });
});
after(async () => {
  for (const { child } of runs) child.kill("SIGKILL");
  await capsule.destroy();
});

/** All that was started, so that nothing of it is left where a test fails. */
const runs: CliRun[] = [];

function started(args: readonly string[], url: string, more: Readonly<Record<string, string>> = {}): CliRun {
  const run = startCli(args, { ...env, ...more, CAPSULED_URL: url });
  runs.push(run);
  return run;
}

/** A server that can be taken away and given back. */
async function awayable(): Promise<{ readonly proxy: MeddlingProxy; readonly away: () => void; readonly back: () => void }> {
  let isAway = false;
  const proxy = await meddlingProxy(() => (isAway ? { instead: "" } : {}));
  return {
    proxy,
    away: () => {
      isAway = true;
      proxy.endAll();
    },
    back: () => {
      isAway = false;
    },
  };
}

/** Takes the server away from a command that runs, and gives it back; both are said, in one line each. */
async function tellsBoth(run: CliRun, { away, back }: { readonly away: () => void; readonly back: () => void }): Promise<void> {
  away();
  await run.said(GONE);
  back();
  await run.said(BACK);
}

test("a command, a process that is followed and a call say once that the server is away, once that it is back, and lose nothing", async () => {
  const { key } = await newTeam();
  const client = sdkClient({ apiKey: key });
  await using box = await client.capsules.create({ name: "box" });
  const line = "echo before; until [ -e /workspace/go ]; do sleep 0.1; done; echo after; exit 3";
  await client.endpoints.define("waits", { command: line, shell: true, capsule: box.id });
  for (const args of [
    ["exec", "box", "--", "sh", "-c", line],
    ["exec", "--json", "box", "--", "sh", "-c", line],
    ["logs", "-f", "box", "followed"],
    ["endpoints", "call", "waits"],
  ]) {
    await box.commands.run("rm -f /workspace/go");
    const isFollowed = args[0] === "logs";
    if (isFollowed) await box.commands.exec("sh", ["-c", line], { background: true, tag: "followed" });
    const server = await awayable();
    await using _ = server.proxy;
    const run = started(args, server.proxy.url, { CAPSULED_API_KEY: key });
    await run.printed("before");
    await tellsBoth(run, server);
    await box.files.write("/workspace/go", "");
    const { code, stdout, stderr } = await run.ended;
    assert.deepEqual([code, stderr], [isFollowed ? 0 : 3, both(args)], args.join(" "));
    if (args.includes("--json")) for (const one of stdout.trim().split("\n")) JSON.parse(one);
    else assert.equal(stdout, "before\nafter\n");
  }
});

test("what has no end of its own goes on over any time that the server is away", { timeout: 180_000 }, async () => {
  const watched = await awayable();
  await using _ = watched.proxy;
  const told = await awayable();
  await using __ = told.proxy;
  const watch = started(["watch", "box:/workspace"], watched.proxy.url);
  const events = started(["events", "-f", "--json"], told.proxy.url);
  let isTelling = false;
  void events.printed("process.started").then(() => (isTelling = true));
  // What is followed says nothing until something happens.
  const sleeper = await waitUntil(
    async () => {
      const started = await capsule.commands.exec("sleep", ["600"], { background: true });
      return isTelling ? started : undefined;
    },
    { what: "an event", everyMs: 300 },
  );
  await watch.printed("watching");
  await Promise.all(
    [watched, told].map(async ({ proxy, away }) => {
      away();
      // Repeats come 2 s apart at most, so these take longer than what else is waited for a server: 30 s.
      const before = proxy.requests.length;
      await waitUntil(() => (proxy.requests.length > before + 30 ? true : undefined), { what: "repeats", timeoutMs: 120_000 });
    }),
  );
  watched.back();
  told.back();
  await Promise.all([watch.said(BACK), events.said(BACK)]);
  await sleeper.kill();
  await Promise.all([events.printed("process.ended"), watch.printed("overflow")]);
  for (const run of [watch, events]) {
    run.child.kill("SIGINT");
    const { code, stdout, stderr } = await run.ended;
    assert.deepEqual([code, stderr], [130, both(run === events ? ["--json"] : [])]);
    if (run === events) for (const line of stdout.trim().split("\n")) JSON.parse(line);
  }
});

test("Ctrl-C ends what waits for a server that is away", async () => {
  await capsule.commands.exec("sleep", ["600"], { background: true, tag: "sleeper" });
  for (const [args, begun] of [
    [["watch", "box:/workspace"], "watching"],
    [["logs", "-f", "--json", "box", "sleeper"], '"start"'],
  ] as const) {
    const server = await awayable();
    await using _ = server.proxy;
    const run = started(args, server.proxy.url);
    await run.printed(begun);
    server.away();
    await run.said(GONE);
    run.child.kill("SIGINT");
    assert.equal((await run.ended).code, 130, args.join(" "));
  }
});

test("forward says that its server is away, and that it is back, and goes on", async () => {
  const listening = await capsule.commands.exec("python3", ["-m", "http.server", "3000"], { background: true });
  const server = await awayable();
  await using _ = server.proxy;
  const run = started(["forward", "box", "0:3000"], server.proxy.url);
  const url = await firstWord(run);
  await waitUntil(async () => ((await fetch(url)).status === 200 ? true : undefined), { what: "the port", timeoutMs: 30_000 });
  server.away();
  assert.equal((await fetch(url)).status, 502);
  await run.said(GONE);
  server.back();
  await run.said(BACK);
  assert.equal((await fetch(url)).status, 200);
  run.child.kill("SIGINT");
  assert.equal((await run.ended).code, 130);
  await listening.kill();
});

/** The first word that is printed. */
function firstWord({ child }: CliRun): Promise<string> {
  return new Promise((done) => child.stdout.once("data", (chunk: string) => done(chunk.split(" ")[0] ?? "")));
}
