import assert from "node:assert/strict";
import test from "node:test";
import { LIMITS, templateCreate } from "@capsuled/contract";
import type { BuildLogEntry } from "@capsuled/contract";
import { createWorld } from "../../testing/world.ts";
import { EventSignal } from "../event/event-signal.ts";
import { BUILD_KEPT_MS, ENTRY_CHARS_MAX, LAST_CHARS, LOG_CHARS_MAX } from "./limits.ts";
import { BuildLog } from "./log.ts";
import { planSteps } from "./plan.ts";
import type { NumberedEntry } from "./record.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A log whose store takes everything, or for so many times nothing. */
function logWith(failures = 0): { readonly log: BuildLog; readonly stored: NumberedEntry[]; readonly taken: Promise<void> } {
  const stored: NumberedEntry[] = [];
  const taken = Promise.withResolvers<void>();
  let left = failures;
  const appendLog = async (_id: string, entries: readonly NumberedEntry[]): Promise<void> => {
    left -= 1;
    if (left >= 0) throw new Error("the store is away");
    stored.push(...entries);
    taken.resolve();
  };
  return { taken: taken.promise, log: new BuildLog({ appendLog }, new EventSignal(), silent, "bd-1"), stored };
}

const dataOf = (entries: readonly NumberedEntry[]): readonly string[] =>
  entries.flatMap(({ entry }) => (entry.type === "output" ? [entry.data] : []));

test("a recipe has so many packages, files and steps at most", () => {
  const many = (count: number) => Array.from({ length: count }, (_, n) => n);
  const cases: Readonly<Record<string, readonly [number, (n: number) => unknown]>> = {
    packages: [LIMITS.buildPackagesMax, (n) => `p${n}`],
    files: [LIMITS.buildFilesMax, (n) => ({ path: `/f${n}`, content: "" })],
    steps: [LIMITS.buildStepsMax, (n) => ({ run: `echo ${n}` })],
  };
  for (const [name, [max, make]] of Object.entries(cases)) {
    assert.equal(templateCreate.safeParse({ name: "t", [name]: many(max).map(make) }).success, true);
    assert.equal(templateCreate.safeParse({ name: "t", [name]: many(max + 1).map(make) }).success, false, name);
  }
});

test("output is joined, cut into entries of a bounded size, and counted beyond the bound of the whole; text is the same however it is cut", async () => {
  const { log, stored } = logWith();
  const text = "zwölf Boxkämpfer jagen Viktor über den großen Sylter Deich 🥊\n".repeat(1000);
  const bytes = new TextEncoder().encode(text);
  log.step({ type: "step", step: 1, command: "x", state: "started" });
  for (let at = 0; at < bytes.length; at += 7) log.output(1, "stdout", bytes.subarray(at, at + 7));
  assert.equal(log.last, text.slice(-LAST_CHARS).toWellFormed());
  log.step({ type: "step", step: 1, command: "x", state: "done" });
  log.output(2, "stderr", new TextEncoder().encode("y".repeat(LOG_CHARS_MAX)));
  assert.equal(log.isFull, true);
  assert.deepEqual(await log.close(), []);
  log.output(2, "stderr", bytes);
  const data = dataOf(stored);
  assert.ok(data.every((part) => part.length <= ENTRY_CHARS_MAX));
  assert.ok(data.length < 400, `${data.length} entries`);
  const whole = data.join("");
  assert.equal(whole.length, LOG_CHARS_MAX);
  assert.equal(whole.slice(0, text.length), text);
  const gap = stored.map(({ entry }) => entry).find((entry: BuildLogEntry) => entry.type === "gap");
  assert.equal(gap?.type === "gap" && gap.bytes, text.length);
  assert.deepEqual(
    stored.map(({ seq }) => seq),
    stored.map((_, at) => at + 1),
  );
});

test("what the store does not take is kept for the next time, and given back at the end", async () => {
  const { log, stored } = logWith(1);
  log.line(0, "one");
  assert.deepEqual(dataOf(await log.close()), ["one\n"]);
  assert.deepEqual(stored, []);
});

test("what the store did not take comes to it although nothing more is printed", { timeout: 30_000 }, async () => {
  const { log, stored, taken } = logWith(2);
  log.line(0, "one");
  await taken;
  assert.deepEqual(dataOf(stored), ["one\n"]);
  assert.deepEqual(await log.close(), []);
});

test("a command in the log is one line of a bounded length", () => {
  const recipe = templateCreate.parse({ name: "t", steps: [{ run: `echo 1\necho ${"x".repeat(1000)}` }], packages: ["a", "b"] });
  const labels = planSteps(recipe).map(({ label }) => label);
  assert.equal(labels[0], "install a b");
  assert.match(labels[1] ?? "", /^echo 1 ⏎ echo x+…$/);
  assert.equal(labels[1]?.length, 200);
});

test("builds and their logs are removed when they have been over for long, and beyond what a team keeps", async () => {
  const world = await createWorld();
  try {
    const ids: string[] = [];
    for (const name of ["one", "two", "three"]) {
      ids.push((await world.builds.start(world.principal, templateCreate.parse({ name, wait_ms: 60_000 }))).id);
      world.clock.advance(1000);
    }
    const { builds } = world.deps;
    assert.equal(await builds.removeOld(world.clock.now() - BUILD_KEPT_MS, 1000), 0);
    assert.equal(await builds.removeOld(world.clock.now() - BUILD_KEPT_MS, 2), 1);
    assert.deepEqual(
      (await world.builds.list(world.principal, 10)).map(({ name }) => name),
      ["three", "two"],
    );
    world.clock.advance(BUILD_KEPT_MS);
    assert.equal(await builds.removeOld(world.clock.now() - BUILD_KEPT_MS, 1000), 2);
    assert.deepEqual(await builds.readLog(ids[2] ?? "", 0, 10), []);
  } finally {
    await world.close();
  }
});
