import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CLI, startCli } from "../harness/cli.ts";
import { meddlingProxy } from "../harness/meddling-proxy.ts";
import { sdkClient } from "../harness/sdk.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

test("what has no end of its own ends with 130 by Ctrl-C, and with 143 by SIGTERM", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  await using capsule = await sdkClient({ apiKey: key }).capsules.create({ name: "box" });
  await capsule.commands.exec("sh", ["-c", "echo up; exec sleep 600"], { background: true, tag: "server" });
  const endless: readonly (readonly [readonly string[], string])[] = [
    [["logs", "-f", "box", "server"], "up"],
    [["watch", "box:/workspace"], "watching"],
    [["forward", "box", "0:3000"], "is port 3000"],
  ];
  for (const [signal, due] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    for (const [args, begun] of endless) {
      const run = startCli(args, env);
      await run.printed(begun);
      run.child.kill(signal);
      const { code, stderr } = await run.ended;
      assert.deepEqual([code, stderr], [due, ""], `${args[0]} by ${signal}`);
    }
  }
  assert.equal((await capsule.commands.list()).length, 1, "what was followed goes on");
});

test("Ctrl-C reaches the command of run and exec, which end as it does: 128 and the signal's number, or its own code", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const client = sdkClient({ apiKey: key });
  await using capsule = await client.capsules.create();
  for (const first of [["run"], ["exec", capsule.id]]) {
    for (const [script, due] of [
      ["echo up; exec sleep 600", 143],
      ["trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done", 5],
    ] as const) {
      const run = startCli([...first, "--", "sh", "-c", script], env);
      await run.printed("up");
      run.child.kill("SIGINT");
      const { code, stderr } = await run.ended;
      assert.equal(code, due, `${first[0]}: ${script}`);
      // What a shell says of a child that was ended beside it is the command's own.
      assert.doesNotMatch(stderr, /capsuled/);
    }
  }
  assert.deepEqual(await idsOf(client), [capsule.id]);
});

async function idsOf(client: ReturnType<typeof sdkClient>): Promise<string[]> {
  const found: string[] = [];
  for await (const { id } of client.capsules.list()) found.push(id);
  return found;
}

test("run that is interrupted before its capsule is there leaves none", async () => {
  const { key } = await newTeam();
  const client = sdkClient({ apiKey: key });
  // The first answer is held back, so that the interrupt comes while it is waited for.
  await using proxy = await meddlingProxy((connection) => (connection === 1 ? { silentAfter: 1 } : {}));
  const run = startCli(["run", "--", "echo", "no"], { CAPSULED_API_KEY: key, CAPSULED_URL: proxy.url });
  await waitUntil(async () => ((await idsOf(client)).length === 1 ? true : undefined), { what: "the capsule" });
  run.child.kill("SIGINT");
  const { code, stdout, stderr } = await run.ended;
  assert.deepEqual([code, stdout, stderr], [130, "", ""]);
  assert.deepEqual(await idsOf(client), []);
});

test("run that is interrupted twice is over at once, and leaves no capsule; nor does exec leave its command", async () => {
  const { key } = await newTeam();
  const client = sdkClient({ apiKey: key });
  await using capsule = await client.capsules.create();
  const stubborn = ["--", "sh", "-c", "trap '' TERM INT; echo up; while :; do sleep 0.05; done"];
  for (const first of [["run"], ["exec", capsule.id]]) {
    const run = startCli([...first, ...stubborn], { CAPSULED_API_KEY: key });
    await run.printed("up");
    const began = performance.now();
    run.child.kill("SIGINT");
    // Two signals that wait are one.
    await new Promise((done) => setTimeout(done, 200));
    run.child.kill("SIGINT");
    const { code } = await run.ended;
    // The command's own end may be heard of first.
    assert.ok(code === 130 || code === 137 || code === 1, `${first[0]}: ${code}`);
    assert.ok(performance.now() - began < 4_000, "the command's own time to end, 5 s, is not waited for");
    assert.deepEqual(await idsOf(client), [capsule.id], first[0]);
    // A kill is answered before its process has ended.
    const isOver = async (): Promise<true | undefined> => ((await capsule.commands.list()).length === 0 ? true : undefined);
    await waitUntil(isOver, {
      what: `the end of what ${first[0]} began, before those 5 s`,
      timeoutMs: 4_900 - (performance.now() - began),
    });
  }
});

test("run that is interrupted twice while its capsule is made leaves none", async () => {
  const { key } = await newTeam();
  const client = sdkClient({ apiKey: key });
  const asked: number[] = [];
  await using proxy = await meddlingProxy((connection) => {
    asked.push(connection);
    return connection === 1 ? { silentAfter: 1 } : {};
  });
  const run = startCli(["run", "--", "echo", "no"], { CAPSULED_API_KEY: key, CAPSULED_URL: proxy.url });
  await waitUntil(async () => ((await idsOf(client)).length === 1 ? true : undefined), { what: "the capsule" });
  run.child.kill("SIGINT");
  // The second comes while what was made is asked for and destroyed.
  await waitUntil(() => (asked.length > 1 ? true : undefined), { what: "the second request" });
  run.child.kill("SIGINT");
  assert.equal((await run.ended).code, 130);
  assert.deepEqual(await idsOf(client), []);
});

test("a reader that has had enough of run's output ends the command, and its capsule goes with it", async () => {
  const { key } = await newTeam();
  const client = sdkClient({ apiKey: key });
  const line = `${process.execPath} ${CLI} run -- yes | head -n 1; echo \${PIPESTATUS[0]}`;
  const { stdout, stderr } = await startCli([line], { CAPSULED_API_KEY: key }, ["bash", "-c"]).ended;
  assert.deepEqual([stdout, stderr], ["y\n0\n", ""]);
  assert.deepEqual(await idsOf(client), []);
});

test("cp that is interrupted ends with 130, and leaves nothing half copied", async () => {
  const { key } = await newTeam();
  await using capsule = await sdkClient({ apiKey: key }).capsules.create();
  (await capsule.commands.run("head -c 20000000 /dev/urandom > /workspace/big")).orThrow();
  // The file's bytes stop in their middle.
  await using proxy = await meddlingProxy(() => ({ silentAfter: 1_000_000 }));
  const dir = mkdtempSync(join(tmpdir(), "capsuled-cli-"));
  try {
    const run = startCli(["cp", `${capsule.id}:/workspace/big`, dir], { CAPSULED_API_KEY: key, CAPSULED_URL: proxy.url });
    await waitUntil(() => (readdirSync(dir).length > 0 ? true : undefined), { what: "the copy to begin" });
    run.child.kill("SIGINT");
    const { code, stdout, stderr } = await run.ended;
    assert.deepEqual([code, stdout, stderr], [130, "", ""]);
    assert.deepEqual(readdirSync(dir), []);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
