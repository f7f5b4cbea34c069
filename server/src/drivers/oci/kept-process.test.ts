import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { KeptProcess } from "./kept-process.ts";
import { OCI_LIMITS } from "./options.ts";

/** Speaks as the launcher does: `say` answers with its words and its pid, `hang` only when it is cancelled, `hold` only at `free`, `die` ends it, `tell` tells its words. */
const PROGRAM = `
let unread = "";
const held = new Set();
const tell = (answer) => process.stdout.write(JSON.stringify(answer) + "\\n");
process.stdin.on("end", () => process.exit(0));
process.stdin.on("data", (text) => {
  const lines = (unread + text).split("\\n");
  unread = lines.pop();
  for (const { id, cancel, words, spec } of lines.map((line) => JSON.parse(line))) {
    if (held.has(cancel)) continue;
    else if (cancel !== undefined) tell({ id: cancel, ok: false, step: "hang", message: "given up" });
    else if (words[0] === "hold") held.add(id);
    else if (words[0] === "free") for (const one of [...held, id]) tell({ id: one, ok: false, step: "hold", message: "ended" });
    else if (words[0] === "tell") { for (const piece of words.slice(1)) tell({ id, piece }); tell({ id, ok: true }); }
    else if (words[0] === "say") tell({ id, ok: true, words, spec, pid: process.pid });
    else if (words[0] === "die") { process.stderr.write("no more"); process.exitCode = 7; process.stdin.destroy(); }
  }
});
`;
const timeoutMs = 20_000;

function keep(t: test.TestContext, patienceMs?: number): KeptProcess {
  const kept = new KeptProcess(process.execPath, ["-e", PROGRAM], patienceMs);
  t.after(() => kept.close());
  return kept;
}

test("steps go to one process, side by side, and each hears its own answer", async (t) => {
  const kept = keep(t);
  const answers = await Promise.all([1, 2, 3].map((n) => kept.step(["say", `${n}`], { spec: { n }, timeoutMs })));
  assert.deepEqual(
    answers.map(({ words, spec }) => [words, spec]),
    [1, 2, 3].map((n) => [["say", `${n}`], { n }]),
  );
  assert.equal(new Set(answers.map(({ pid }) => pid)).size, 1);
});

test("what a step tells before its answer comes to it alone, in its order", async (t) => {
  const kept = keep(t);
  const told = [[], []] as unknown[][];
  await Promise.all(told.map((pieces, n) => kept.step(["tell", `${n}`, "a", "b"], { timeoutMs, onPiece: (piece) => pieces.push(piece) })));
  assert.deepEqual(told, [
    ["0", "a", "b"],
    ["1", "a", "b"],
  ]);
});

test("when the process dies, the steps under way are told so with its last words, and the next step has a new one", async (t) => {
  const kept = keep(t);
  const { pid } = await kept.step(["say"], { timeoutMs });
  const hanging = kept.step(["hang"], { timeoutMs });
  const deadly = kept.step(["die"], { timeoutMs });
  await assert.rejects(hanging, /ended with code 7 and no answer. no more/);
  await assert.rejects(deadly, /ended with code 7/);
  assert.notEqual((await kept.step(["say"], { timeoutMs }))["pid"], pid);
});

test("a step that is aborted or takes too long is cancelled, and fails when it has ended", async (t) => {
  const kept = keep(t);
  const controller = new AbortController();
  const aborted = kept.step(["hang"], { signal: controller.signal, timeoutMs });
  controller.abort();
  await assert.rejects(aborted, /aborted/);
  await assert.rejects(kept.step(["hang"], { timeoutMs: 5 }), /longer than 5 ms/);
  await assert.rejects(kept.step(["say"], { signal: AbortSignal.abort(), timeoutMs }), { name: "AbortError" });
});

test("a step that is aborted and then takes too long as well ends no other one, once it has ended", async (t) => {
  const patienceMs = 100;
  const kept = keep(t, patienceMs);
  const { pid } = await kept.step(["say"], { timeoutMs });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const controller = new AbortController();
  const held = assert.rejects(kept.step(["hold"], { signal: controller.signal, timeoutMs: 50 }), /aborted/);
  controller.abort();
  t.mock.timers.tick(50);
  await kept.step(["free"], { timeoutMs });
  await held;
  t.mock.timers.tick(2 * patienceMs);
  assert.equal((await kept.step(["say"], { timeoutMs }))["pid"], pid);
});

test("as many steps as are allowed run at once, the others wait for one to end, and more than may wait are refused", async (t) => {
  const kept = keep(t);
  const controller = new AbortController();
  const { signal } = controller;
  const all = OCI_LIMITS.stepsAtOnce + OCI_LIMITS.stepsWaiting;
  const hanging = Array.from({ length: all }, () => kept.step(["hang"], { signal, timeoutMs }));
  const settled = Promise.allSettled(hanging);
  await assert.rejects(kept.step(["say"], { timeoutMs }), new RegExp(`More than ${OCI_LIMITS.stepsWaiting} steps wait`));
  controller.abort();
  assert.ok((await settled).every(({ status }) => status === "rejected"));
  assert.equal((await kept.step(["say"], { timeoutMs }))["ok"], true);
});

test("a program that cannot be started is what every step fails with", async (t) => {
  const kept = new KeptProcess("/nowhere/launcher", ["serve"]);
  t.after(() => kept.close());
  kept.start();
  await assert.rejects(kept.step(["say"], { timeoutMs }), /ENOENT/);
  await assert.rejects(kept.step(["say"], { timeoutMs }), /ENOENT/);
});

test("a process that has nothing under way keeps nobody from ending", async () => {
  const script = `
    const { KeptProcess } = await import(${JSON.stringify(new URL("kept-process.ts", import.meta.url).href)});
    const kept = new KeptProcess(process.execPath, ["-e", ${JSON.stringify(PROGRAM)}]);
    const { pid } = await kept.step(["say"], { timeoutMs: ${timeoutMs} });
    process.stdout.write(String(pid));
  `;
  const keeper = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  keeper.stdout.on("data", (text: Buffer) => (said += text.toString()));
  assert.deepEqual(await once(keeper, "exit"), [0, null]);
  assert.match(said, /^[0-9]+$/);
});

test("who waits for the end of a process outlives it, though there is nothing else to do", async () => {
  const script = `
    import { KeptProcess } from ${JSON.stringify(new URL("kept-process.ts", import.meta.url).href)};
    const kept = new KeptProcess(process.execPath, ["-e", ${JSON.stringify(PROGRAM)}]);
    await kept.step(["say"], { timeoutMs: ${timeoutMs} });
    kept.close().then(() => console.log("closed"));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const said: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => said.push(text));
  await once(child, "close");
  assert.equal(said.join(""), "closed\n");
});

test("a process that says what is no answer is ended, its steps hear so, and the next one gets another", { timeout: 10_000 }, async () => {
  const kept = new KeptProcess("sh", ["-c", "echo nonsense; exec cat"]);
  for (let times = 0; times < 2; times += 1)
    await assert.rejects(
      kept.step(["x"], { timeoutMs: 5000 }),
      /The launcher ended with SIGKILL and no answer\. It said what is no answer/,
    );
  await kept.close();
});

test("a process that answers nothing any more, not even that a step was given up, is ended, and the next step has a new one", async (t) => {
  const kept = keep(t, 50);
  const { pid } = await kept.step(["say"], { timeoutMs });
  process.kill(Number(pid), "SIGSTOP");
  await assert.rejects(kept.step(["say"], { timeoutMs: 5 }), /longer than 5 ms/);
  assert.notEqual((await kept.step(["say"], { timeoutMs }))["pid"], pid);
});
