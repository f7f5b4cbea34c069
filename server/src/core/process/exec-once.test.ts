import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule, eventsOf, eventually, exec, textForm } from "../../testing/ask.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import type { ExecInput } from "./service.ts";

const notKept = { render: () => null, parse: () => "never" };

/** Runs a command under a key; its answer is its output, read from the journal for each repeat. */
async function run(
  world: World,
  id: string,
  key: string,
  given: Partial<ExecInput>,
): Promise<{ readonly text: string; readonly isReplayed: boolean }> {
  const act = async (intent: Parameters<typeof exec>[3]): Promise<string> => {
    const outcome = await exec(world, id, given, intent);
    if (outcome.kind !== "ended") return outcome.kind;
    return `${outcome.end.exitCode} ${Buffer.from(outcome.stdout).toString()}`;
  };
  const { value, isReplayed } = await world.idempotency.run(world.principal, { key, request: `exec ${id}`, body: given }, act, notKept);
  return { text: value, isReplayed };
}

/** Appends a line to a file, so that each run shows, and prints it. */
const counted: Partial<ExecInput> = { cmd: "sh", args: ["-c", "echo run >> /root/runs; cat /root/runs"] };

async function runsSoFar(world: World, id: string): Promise<number> {
  const outcome = await exec(world, id, { cmd: "cat", args: ["/root/runs"] });
  return outcome.kind === "ended" ? Buffer.from(outcome.stdout).toString().split("\n").length - 1 : 0;
}

test("50 of the same command at once run it once and all get its output", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const answers = await Promise.all(Array.from({ length: 50 }, () => run(world, id, "key", counted)));
  assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(["0 run\n"]));
  assert.equal(await runsSoFar(world, id), 1);
  await world.close();
});

test("a command whose server dies while it runs is not run again: the next life waits for its end and answers", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const slow = { cmd: "sh", args: ["-c", "echo run >> /root/runs; sleep 0.3; cat /root/runs"] };
  const first = run(world, id, "key", slow).catch(() => null);
  const reader = await world.events.open(world.principal, { capsule: id, type: "process.started", from: "start" });
  await reader.next(10_000);
  reader.close();
  world.life.die();
  const next = await world.restart();
  await first;
  assert.deepEqual(await run(next, id, "key", slow), { text: "0 run\n", isReplayed: false });
  assert.deepEqual(await run(next, id, "key", slow), { text: "0 run\n", isReplayed: true });
  assert.equal(await runsSoFar(next, id), 1);
  await next.close();
});

test("stdin is given to the first run only", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const cat = { cmd: "cat", args: [], stdin: "hello" };
  for (let times = 0; times < 3; times += 1) assert.equal((await run(world, id, "key", cat)).text, "0 hello");
  await world.close();
});

test("a result whose process is not kept any more is 410, and the command is not run again", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  await run(world, id, "key", counted);
  await world.capsules.stop(world.principal, id);
  await assert.rejects(run(world, id, "key", counted), { code: "result_expired" });
  await world.capsules.start(world.principal, id, 4000);
  await assert.rejects(run(world, id, "key", counted), { code: "result_expired" });
  assert.equal(await runsSoFar(world, id), 1);
  await world.capsules.destroy(world.principal, id);
  await assert.rejects(run(world, id, "key", counted), { code: "result_expired" });
  await world.close();
});

test("a result whose beginning the journal has dropped is 410, not a part of it", async () => {
  const world = await createWorld({ script: { journalBytes: 1000 } });
  const { id } = await createCapsule(world);
  const long = { cmd: "sh", args: ["-c", "seq 200; seq 200; seq 200"] };
  const first = await run(world, id, "key", long);
  assert.ok(first.text.startsWith("0 1\n2\n"));
  await assert.rejects(run(world, id, "key", long), { code: "result_expired" });
  await world.close();
});

test("a command that cannot start, and one that runs into its timeout, are the same for every repeat", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const none = await world.idempotency.run(
    world.principal,
    { key: "a", request: "exec", body: {} },
    async (intent) => (await exec(world, id, { cmd: "none" }, intent)).kind,
    textForm,
  );
  assert.equal(none.value, "not_started");
  const late = { cmd: "sh", args: ["-c", "echo x; sleep 100"], timeout: 1 };
  assert.equal((await run(world, id, "b", late)).text, "137 x\n");
  assert.equal((await run(world, id, "b", late)).text, "137 x\n");
  await world.close();
});

test("a stream's start with a key starts once; a repeat is sent everything from the first record", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const read = async (): Promise<string> => {
    const target = await world.processes.prepareStream(world.principal, id);
    const message = { type: "start", cmd: "sh", args: ["-c", "echo run >> /root/runs; cat /root/runs"], idempotency_key: "key" } as const;
    const rest = { envs: undefined, cwd: undefined, tag: undefined, encoding: undefined, timeout: undefined, timeout_sec: undefined };
    const stream = await target.start({ ...message, args: [...message.args], ...rest, stdin: undefined, on_disconnect: undefined });
    let text = `${stream.started.id} `;
    return new Promise((resolve) =>
      stream.onEvent((event) => {
        if (event.kind === "stdout") text += Buffer.from(event.bytes).toString();
        if (event.kind === "exit") resolve(text);
      }),
    );
  };
  const texts = await Promise.all([read(), read(), read()]);
  texts.push(await read());
  assert.equal(new Set(texts).size, 1, texts.join());
  assert.equal(await runsSoFar(world, id), 1);
  await eventually(world, ({ type }) => type === "process.ended");
  assert.equal((await eventsOf(world, id)).filter(({ type }) => type === "process.started").length, 1);
  await world.close();
});
