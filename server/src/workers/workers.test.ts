import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Worker } from "node:worker_threads";
import type { EndpointTransformer } from "@capsuled/contract";
import type { TransformInput } from "../core/endpoint/transform.ts";
import { createDefinitionFiles } from "./definition-files.ts";
import type { Job } from "./job.ts";
import { WORKER_LIMITS } from "./limits.ts";
import { ThreadPool } from "./thread-pool.ts";
import { createTransformRunner } from "./transform-runner.ts";

// Long enough for a busy machine.
const threads = new ThreadPool({ jobMsMax: 60_000, waitMsMax: 60_000, threads: 1 });
const runner = createTransformRunner(threads);
/** For what runs for ever, and runs into its bound. */
const hasty = new ThreadPool({ jobMsMax: 2000, waitMsMax: 60_000, threads: 1 });
const hastyRunner = createTransformRunner(hasty);
const fileThreads = new ThreadPool({ jobMsMax: 20_000, threads: 1 });
const files = createDefinitionFiles(fileThreads);
after(async () => {
  await threads.close();
  await hasty.close();
  await fileThreads.close();
});

const TEAM = "tm-a";
const OTHER = "tm-b";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const inputOf = (stdout: Uint8Array): TransformInput => ({ bytes: stdout.length, read: async () => ({ ok: true, stdout }) });
const transform = (transformer: EndpointTransformer, text: string, by = runner) => by.transform(TEAM, transformer, inputOf(bytes(text)));
const value = async (transformer: EndpointTransformer, text: string, by = runner): Promise<unknown> => {
  const made = await transform(transformer, text, by);
  assert.ok(made.ok, made.ok ? "" : made.message);
  return JSON.parse(new TextDecoder().decode(made.json));
};
const message = async (transformer: EndpointTransformer, text: string, by = runner): Promise<string> => {
  const made = await transform(transformer, text, by);
  assert.ok(!made.ok);
  return made.message;
};
const regex = (pattern: string, more: { flags?: string; all?: boolean } = {}): EndpointTransformer => ({
  type: "regex",
  pattern,
  flags: more.flags,
  all: more.all ?? false,
});
const jsonata = (expression: string): EndpointTransformer => ({ type: "jsonata", expression });

test("json reads output as JSON, and says what is wrong with output that is none", async () => {
  assert.deepEqual(await value({ type: "json" }, '\ufeff{"cpu": 45, "mem": [72]}\n'), { cpu: 45, mem: [72] });
  assert.match(await message({ type: "json" }, "hello"), /^the output is no JSON/);
  assert.match(await message({ type: "json" }, ""), /^the output is no JSON/);
  assert.match(await message({ type: "json" }, "[".repeat(1_000_000)), /more than 500 levels/);
  assert.equal(await value({ type: "json" }, JSON.stringify("[".repeat(1000))), "[".repeat(1000));
});

test("lines are without their ends, the last one with or without its own", async () => {
  assert.deepEqual(await value({ type: "lines" }, "a\nb\r\n\nc"), ["a", "b", "", "c"]);
  assert.deepEqual(await value({ type: "lines" }, "a\n"), ["a"]);
  assert.deepEqual(await value({ type: "lines" }, ""), []);
  assert.match(await message({ type: "lines" }, "\n".repeat(8 * 1024 * 1024)), /result has more than/);
});

test("json is passed through to the digit, without the blanks that would end an event", async () => {
  const printed = '{ "id": 12345678901234567890.10,\r\n\t"id" : "a \\" b\\n",\n "x":[ 1e400 , true ] }\n';
  const made = await transform({ type: "json" }, printed);
  assert.ok(made.ok);
  assert.equal(new TextDecoder().decode(made.json), '{"id":12345678901234567890.10,"id":"a \\" b\\n","x":[1e400,true]}');
  const invalid = await runner.transform(TEAM, { type: "json" }, inputOf(new Uint8Array([0x22, 0xff, 0x22])));
  assert.ok(invalid.ok && new TextDecoder().decode(invalid.json) === '"\ufffd"');
});

test("large output is worked on in a thread, json and lines too", async () => {
  const counted: string[] = [];
  const counting = createTransformRunner({
    run: async (_team, source) => {
      const job = typeof source === "function" ? await source() : source;
      if ("kind" in job) counted.push(job.kind);
      return { ok: false, message: "", isTransient: true };
    },
  });
  const large = bytes(JSON.stringify("x".repeat(WORKER_LIMITS.atOnceBytesMax)));
  for (const type of ["json", "lines"] as const) {
    await counting.transform(TEAM, { type }, inputOf(large));
    assert.equal((await counting.transform(TEAM, { type }, inputOf(large.subarray(0, 1).fill(0x31)))).ok, true);
    large.fill(0x22, 0, 1);
  }
  assert.deepEqual(counted, ["json", "lines"]);
  const list = Array.from({ length: 200_000 }, (_, index) => index);
  assert.deepEqual(await value({ type: "json" }, JSON.stringify(list, null, 1)), list);
  assert.deepEqual(await value({ type: "lines" }, list.join("\n")), list.map(String));
});

test("no message repeats what was printed", async () => {
  const secret = "hunter2";
  const told = [
    await message({ type: "json" }, secret),
    await message({ type: "json" }, `{"a": ${secret}}`),
    await message({ type: "json" }, `{"a": "b" ${secret}: 1}`),
    await message({ type: "json" }, `["${secret}`),
    await message(jsonata("$number(a)"), `{"a":"${secret}"}`),
    await message(jsonata("a + 1"), `{"a":"${secret}"}`),
    await message(jsonata("$eval(a)"), `{"a":"${secret} ]"}`),
    await message(jsonata("$toMillis(a, '[Y]')"), `{"a":"${secret}"}`).catch(() => ""),
    await message(jsonata("$fromMillis(1, a)"), `{"a":"[${secret}"}`).catch(() => ""),
    await message(regex("z+"), secret),
  ];
  for (const words of told) assert.doesNotMatch(words, /hunter|"?h"?unexpected/);
  for (const words of told) assert.doesNotMatch(words, /token 'h'/);
});

test("regex gives named groups or the whole match, the first or all", async () => {
  assert.deepEqual(await value(regex("cpu=(?<cpu>\\d+)(?: mem=(?<mem>\\d+))?"), "x cpu=45"), { cpu: "45", mem: null });
  assert.equal(await value(regex("\\d+"), "a 12 b 34"), "12");
  assert.deepEqual(await value(regex("\\d+", { all: true }), "a 12 b 34"), ["12", "34"]);
  assert.deepEqual(await value(regex("^(?<k>\\w+)=", { all: true, flags: "m" }), "a=1\nb=2"), [{ k: "a" }, { k: "b" }]);
  assert.deepEqual(await value(regex("z", { all: true }), "a"), []);
  assert.match(await message(regex("z"), "a"), /matches nothing/);
});

test("a pattern that runs for ever is ended at its bound, and the next job works", async () => {
  await value(regex("b"), "abc", hastyRunner);
  const before = hasty.made;
  assert.match(await message(regex("(a+)+$"), `${"a".repeat(100)}!`, hastyRunner), /takes longer than 2000 ms/);
  assert.equal(await value(regex("b"), "abc", hastyRunner), "b");
  assert.equal(hasty.made, before + 1);
});

test("a thread serves many jobs", async () => {
  await value(regex("b"), "abc");
  const before = threads.made;
  const all = await Promise.all(Array.from({ length: 50 }, (_, index) => value(regex(`${index}`), `x${index}y`)));
  assert.deepEqual(
    all,
    all.map((_, index) => `${index}`),
  );
  assert.equal(threads.made, before);
});

test("the server's own thread goes on while a pattern runs", async () => {
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
  }, 10);
  await message(regex("(a+)+$"), `${"a".repeat(100)}!`, hastyRunner);
  clearInterval(timer);
  assert.ok(ticks > 10, `${ticks} ticks in 2 s`);
});

test("jsonata computes over JSON, and says where it fails", async () => {
  assert.deepEqual(
    await value(jsonata('{"sum": $sum(items.n), "names": items.name}'), '{"items":[{"n":1,"name":"a"},{"n":2,"name":"b"}]}'),
    {
      sum: 3,
      names: ["a", "b"],
    },
  );
  assert.equal(await value(jsonata("missing"), "{}"), null);
  assert.equal(await message(jsonata("function($x){$x}"), "{}"), "the result cannot be written as JSON");
  assert.match(await message(jsonata("a"), "no json"), /the output is no JSON/);
  assert.match(await message(jsonata("$number('x')"), "{}"), /the expression failed: .*at character/);
  assert.equal(await runner.check(TEAM, jsonata("a.b[0]")), undefined);
  assert.match((await runner.check(TEAM, jsonata("a.b["))) ?? "", /is no JSONata: .*at character/);
});

test("an expression that calls itself for ever, fills memory or makes an endless list is ended", async () => {
  assert.match(await message(jsonata("($f := function($x){$f($x + 1) + 1}; $f(1))"), "{}", hastyRunner), /the expression failed/);
  assert.match(
    await message(jsonata("($f := function($x){$f($x + 1)}; $f(1))"), "{}", hastyRunner),
    /takes longer than|the expression failed/,
  );
  assert.match(await message(jsonata("[1..9000000]"), "{}", hastyRunner), /the expression failed|takes/);
  assert.match(
    await message(jsonata('($f := function($s){$f($s & $s)}; $f("xxxxxxxx"))'), "{}", hastyRunner),
    /takes|the expression failed|could not/,
  );
  assert.equal(await value(jsonata("1 + 1"), "{}", hastyRunner), 2);
});

test("an expression cannot reach the thread's own objects, nor change them for the next one", async () => {
  for (const expression of [
    "constructor",
    "__proto__",
    "$.constructor.constructor",
    "$lookup($, 'constructor')",
    "$sum.constructor",
    "$string.__proto__",
  ]) {
    const reached = await value(jsonata(expression), '{"a":1}');
    assert.equal(reached, null, expression);
  }
  await transform(jsonata('$ ~> |$|{"__proto__":{"polluted":1}}|'), "{}");
  await transform(jsonata('$merge([{"__proto__":{"polluted":1}},{"constructor":{"prototype":{"polluted":1}}}])'), "{}");
  await transform(jsonata('$ ~> |__proto__|{"polluted":1}|'), '{"a":{}}');
  await transform(jsonata('$ ~> |constructor.prototype|{"polluted":1}|'), '{"a":{}}');
  assert.equal(await value(jsonata("polluted"), "{}"), null);
});

test("more output than the bound is refused, and so is a result beyond its own", async () => {
  const large = new Uint8Array(WORKER_LIMITS.transformInputBytesMax + 1).fill(0x61);
  const refused = await runner.transform(TEAM, regex("a"), inputOf(large));
  assert.ok(!refused.ok && /the output has more than/.test(refused.message));
  const result = await runner.transform(TEAM, regex("[^]+"), inputOf(large.subarray(1).fill(0x01)));
  assert.ok(!result.ok && /the result has more than/.test(result.message));
});

const endless: Job = { kind: "regex", pattern: "(a+)+$", flags: "", all: false, stdout: bytes(`${"a".repeat(100)}!`) };
const quick: Job = { kind: "regex", pattern: "b", flags: "", all: false, stdout: bytes("abc") };
const failed = (message: string) => ({ ok: false, message, isTransient: true });

test("what waits is bounded in number and time; an abort and a close give up at once", async () => {
  const small = new ThreadPool({ jobMsMax: 3000, waitingMax: 1, waitMsMax: 50, threads: 1 });
  const running = small.run(TEAM, endless);
  const waiting = small.run(TEAM, endless);
  assert.deepEqual(await small.run(OTHER, endless), failed("too many are waiting to be worked on"));
  assert.deepEqual(await waiting, failed("it waited too long to be worked on"));
  const abort = new AbortController();
  const aborted = small.run(TEAM, endless, abort.signal);
  abort.abort();
  assert.deepEqual(await aborted, failed("it was cancelled"));
  await small.close();
  assert.equal((await running).ok, false);
  assert.deepEqual(await small.run(TEAM, endless), failed("the server is shutting down"));
});

test("a team that waits too often, or with too many bytes, is refused, and another is not", async () => {
  const small = new ThreadPool({ jobMsMax: 60_000, teamWaitingMax: 2, teamWaitingBytesMax: 300, waitingBytesMax: 400, threads: 1 });
  const all = [small.run(TEAM, endless), small.run(TEAM, endless), small.run(TEAM, endless)];
  assert.deepEqual(await small.run(TEAM, quick), failed("too many are waiting to be worked on"));
  const large: Job = { ...endless, stdout: new Uint8Array(301) };
  assert.deepEqual(await small.run(OTHER, large), failed("too many are waiting to be worked on"));
  all.push(small.run(OTHER, endless));
  assert.deepEqual(await small.run("tm-c", endless), failed("too many are waiting to be worked on"));
  await small.close();
  for (const answer of await Promise.all(all)) assert.equal(answer.ok, false);
});

test("teams take turns: one that asks for much delays another by what is under way, not by what it has waiting", async () => {
  const one = new ThreadPool({ jobMsMax: 1000, threads: 1, waitMsMax: 120_000 });
  const order: string[] = [];
  const ask = async (team: string, job: Job): Promise<void> => {
    await one.run(team, job);
    order.push(team);
  };
  const costly = Array.from({ length: 4 }, () => ask(TEAM, endless));
  await Promise.all([...costly, ask(OTHER, quick), ask(OTHER, quick)]);
  await one.close();
  assert.deepEqual(order, [TEAM, OTHER, TEAM, OTHER, TEAM, TEAM]);
});

test("a team never has all threads: another one's work begins while the first one's runs for ever", async () => {
  const two = new ThreadPool({ jobMsMax: 120_000, threads: 2 });
  const hogs = [two.run(TEAM, endless), two.run(TEAM, endless), two.run(TEAM, endless)];
  const answer = await two.run(OTHER, quick);
  assert.equal(answer.ok, true);
  await two.close();
  for (const hog of await Promise.all(hogs)) assert.equal(hog.ok, false);
});

test("output is read when it is its turn, and what cannot be read is an answer", async () => {
  const one = new ThreadPool({ jobMsMax: 20_000, threads: 1 });
  let reads = 0;
  const input: TransformInput = {
    bytes: 5,
    async read() {
      reads += 1;
      if (reads > 1) throw new Error("the disk is gone");
      return { ok: false, message: "some of the output is not kept any more", isTransient: false };
    },
  };
  const local = createTransformRunner(one);
  assert.deepEqual(
    await local.transform(TEAM, regex("a"), input),
    await input.read().catch(() => ({
      ok: false,
      message: "some of the output is not kept any more",
      isTransient: false,
    })),
  );
  assert.deepEqual(await local.transform(TEAM, regex("a"), input), failed("what it works on could not be read"));
  await one.close();
});

test("a file is read with the place of each value, aliases and merges followed", async () => {
  const { root, problems } = await files.read(TEAM, "base: &b\n  x: 1\n  y: [a, 'b']\nuse:\n  <<: *b\n  x: true\nlist: [*b]\n");
  assert.deepEqual(problems, []);
  assert.ok(root?.kind === "map");
  const use = root.fields.find(({ name }) => name === "use");
  assert.deepEqual(use?.place, { line: 4, column: 1 });
  assert.ok(use?.value.kind === "map");
  assert.deepEqual(
    use.value.fields.map(({ name, value: inner }) => [name, inner.line, inner.column]),
    [
      ["x", 6, 6],
      ["y", 3, 6],
    ],
  );
});

test("what is wrong with a file's form is told with its place", async () => {
  const first = async (text: string) => (await files.read(TEAM, text)).problems[0];
  assert.deepEqual(await first("a: 1\nb: 2\na: 3\n"), { line: 3, column: 1, message: '"a" is there twice' });
  assert.equal((await first("a: [1\nb: 2\n"))?.line, 2);
  assert.match((await first("a: *x\n"))?.message ?? "", /[Uu]nresolved alias|no anchor/);
  assert.match((await first("a: 1\n---\nb: 2\n"))?.message ?? "", /a second document begins here/);
  assert.match((await first("? [a]\n: 1\n"))?.message ?? "", /name must be text/);
  assert.match((await first("a: .inf\n"))?.message ?? "", /no text, number/);
  assert.match((await first("a: !!js/function 'x'\n"))?.message ?? "", /tag/);
});

test("a hostile file is refused within its bounds", async () => {
  const laughs = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
  for (let level = 1; level < 12; level += 1)
    laughs.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(",")}]`);
  const of = async (text: string): Promise<string> => {
    const { root, problems } = await files.read(TEAM, text);
    assert.equal(root, undefined);
    return problems[0]?.message ?? "";
  };
  assert.match(await of(laughs.join("\n")), /more than 100000 values/);
  assert.match(await of("a: &a [*a]"), /more than 32 levels/);
  assert.match(await of(`a: ${"[".repeat(100)}${"]".repeat(100)}`), /more than 32 levels/);
  assert.match(await of(`[${"a,".repeat(110_000)}]`), /more than 100000 values/);
});

test("a file that takes the parser for ever is ended at its bound of time or of memory, whichever it meets first", async () => {
  const { root, problems } = await createDefinitionFiles(hasty).read(TEAM, "[".repeat(1_000_000));
  assert.equal(root, undefined);
  assert.equal(problems.length, 1);
  assert.match(problems[0]?.message ?? "", /^the file cannot be read: it takes (longer than 2000 ms|more than 256 MiB)$/);
});

test("a thread that dies between two jobs costs the next one nothing", { timeout: 300_000 }, async () => {
  const started: Worker[] = [];
  const note = (worker: Worker): void => void started.push(worker);
  process.on("worker", note);
  // A job that was given to a dead thread would wait for all of this.
  const pool = new ThreadPool({ jobMsMax: 3_600_000, threads: 1 });
  try {
    const job: Job = { kind: "json", stdout: bytes("[1]") };
    assert.ok((await pool.run(TEAM, job)).ok);
    const [first] = started;
    assert.ok(first !== undefined);
    await first.terminate();
    assert.ok((await pool.run(TEAM, job)).ok);
    assert.deepEqual([pool.made, started.length], [2, 2]);
  } finally {
    process.off("worker", note);
    await pool.close();
  }
});
