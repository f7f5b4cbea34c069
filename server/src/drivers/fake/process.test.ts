import assert from "node:assert/strict";
import { test } from "node:test";
import { SignalDeath } from "./program.ts";
import { createFakeWorld, events, firstEvent, printed, startSpec, text } from "./testing/fake-world.ts";

test("an end says why: exit, own signal, memory, timeout, kill", async () => {
  using world = await createFakeWorld();
  const facts = async (cmd: string, args: string[], timeoutMs = 0) => {
    const { end } = await world.run(cmd, args, { timeoutMs });
    return [end.exitCode, end.signal, end.reason, end.oomKills, end.requested];
  };
  assert.deepEqual(await facts("false", []), [1, null, "exited", 0, null]);
  assert.deepEqual(await facts("sh", ["-c", "kill -TERM $$"]), [143, "SIGTERM", "signaled", 0, null]);
  assert.deepEqual(await facts("fake-oom", []), [137, "SIGKILL", "oom_killed", 1, null]);
  assert.deepEqual(await facts("sleep", ["100"], 20), [137, "SIGKILL", "timed_out", 0, { by: "timeout", signal: "SIGKILL" }]);
});

test("a signal by id, pid or tag ends the process with who asked", async () => {
  using world = await createFakeWorld();
  for (const selector of ["id", "pid", "tag"] as const) {
    const stream = await world.link.open(startSpec("sleep", ["100"], { tag: "web", foreground: false }));
    const { id, pid, tag } = stream.started;
    await world.link.signal({ id, pid: String(pid), tag }[selector], "SIGTERM", "key-1");
    const end = (await events(stream)).at(-1);
    assert.ok(end?.kind === "exit");
    assert.deepEqual([end.exitCode, end.signal, end.reason, end.requested], [143, "SIGTERM", "killed", { by: "key-1", signal: "SIGTERM" }]);
    await assert.rejects(world.link.signal(id, "SIGKILL", "key-1"), { code: "not_found" });
  }
});

test("a process that ignores SIGTERM gets SIGKILL after the grace, one that exits by itself is exited", async () => {
  using world = await createFakeWorld();
  const stubborn = await world.link.open(startSpec("sh", ["-c", "trap '' TERM; echo ready; sleep 100"]));
  const all = events(stubborn);
  await new Promise<void>((resolve) => setTimeout(resolve, 20));
  stubborn.cancel("stopped", 30);
  const end = (await all).at(-1);
  assert.ok(end?.kind === "exit");
  assert.deepEqual([end.exitCode, end.signal, end.reason], [137, "SIGKILL", "stopped"]);
  const polite = await world.link.open(startSpec("sh", ["-c", "trap '' TERM; sleep 0.06; exit 4"]));
  const politeEvents = events(polite);
  await new Promise<void>((resolve) => setTimeout(resolve, 20));
  polite.cancel("stopped", 5000);
  const politeEnd = (await politeEvents).at(-1);
  assert.ok(politeEnd?.kind === "exit");
  assert.deepEqual([politeEnd.exitCode, politeEnd.signal, politeEnd.reason], [4, null, "exited"]);
});

test("what cannot start is refused with its code", async () => {
  using world = await createFakeWorld();
  await world.run("sh", ["-c", "echo data > /workspace/file"]);
  const code = (cmd: string, change = {}) =>
    world.run(cmd, [], change).then(
      () => "started",
      (error: { code: string }) => error.code,
    );
  assert.equal(await code("nosuch"), "not_found");
  assert.equal(await code("/bin/nosuch"), "not_found");
  assert.equal(await code("/workspace/file"), "not_executable");
  assert.equal(await code("/usr/bin/true"), "started");
  assert.equal(await code("true", { cwd: "/nowhere" }), "cwd_not_found");
  assert.equal(await code("true", { cwd: "relative" }), "bad_request");
  assert.equal(await code("true", { id: "pr-1" }), "bad_request");
  await world.link.start(startSpec("sleep", ["100"], { tag: "one" }));
  assert.equal(await code("true", { tag: "one" }), "tag_in_use");
});

test("stdin reaches the program whole, and is /dev/null unless asked for", async () => {
  using world = await createFakeWorld();
  const input = "0123456789".repeat(300_000);
  assert.equal(text((await world.run("cat", [], {}, input)).stdout), input);
  assert.equal(text((await world.run("cat")).stdout), "");
  const stream = await world.link.open(startSpec("sleep", ["100"], { stdin: true }));
  const full = firstEvent(stream, "stdin_full");
  stream.sendStdin(Buffer.alloc(1024 * 1024));
  stream.sendStdin(Buffer.alloc(1));
  await full;
});

test("attach gives all from the start, from now, or from a record, also after the end", async () => {
  using world = await createFakeWorld();
  const { id } = await world.link.start(startSpec("sh", ["-c", "echo 1; echo 2 >&2; echo 3; sleep 0.05; echo 4"], { foreground: false }));
  const live = await events(await world.link.attach(id, "start"));
  assert.deepEqual([printed(live, "stdout"), printed(live, "stderr")], ["1\n3\n4\n", "2\n"]);
  assert.deepEqual(
    live.map((event) => ("seq" in event ? event.seq : null)),
    [1, 2, 3, 4, 5],
  );
  const ended = await events(await world.link.attach(id, "start"));
  assert.deepEqual(ended, live);
  assert.equal(printed(await events(await world.link.attach(id, 3)), "stdout"), "3\n4\n");
  assert.equal(printed(await events(await world.link.attach(id, "now")), "stdout"), "");
  await assert.rejects(world.link.attach(id, 7), { code: "invalid_offset" });
  await assert.rejects(world.link.attach("pr-nobody", "now"), { code: "not_found" });
});

test("a late reader of more than the journal keeps gets a gap that says what is missing", async () => {
  using world = await createFakeWorld({ journalBytes: 100_000 });
  const { id } = await world.link.start(startSpec("yes", ["1000000"], { foreground: false }));
  await events(await world.link.attach(id, "now"));
  const [gap, ...rest] = await events(await world.link.attach(id, "start"));
  const end = rest.at(-1);
  assert.ok(gap?.kind === "gap" && end?.kind === "exit");
  assert.equal(end.stdoutBytes, 2_000_000);
  assert.equal(gap.stdoutBytes + printed(rest, "stdout").length, 2_000_000);
});

test("a reader that stalls slows the process, so that it loses nothing", async () => {
  using world = await createFakeWorld({ journalBytes: 200_000 });
  const stream = await world.link.open(startSpec("yes", ["2000000"], { foreground: false }));
  let got = 0;
  const end = new Promise<number>((resolve) => {
    stream.onEvent((event) => {
      if (event.kind === "stdout") got += event.bytes.length;
      else if (event.kind === "exit") resolve(event.stdoutBytes);
      else assert.fail(event.kind);
    });
  });
  stream.pause();
  await new Promise<void>((resolve) => setTimeout(resolve, 100));
  assert.equal((await world.link.stats()).processes, 1, "it waits for its reader");
  stream.resume();
  assert.equal(await end, 4_000_000);
  assert.equal(got, 4_000_000);
});

test("a lost connection means what the start said: continue or kill", async () => {
  using world = await createFakeWorld();
  const going = await world.link.open(startSpec("sleep", ["100"], { tag: "going", onDisconnect: "continue" }));
  const killed = await world.link.open(startSpec("sleep", ["100"], { tag: "killed", onDisconnect: "kill" }));
  const watcher = events(await world.link.attach("killed", "now"));
  going.close();
  killed.close();
  const end = (await watcher).at(-1);
  assert.ok(end?.kind === "exit" && end.reason === "client_gone");
  assert.deepEqual(
    (await world.link.list()).map((process) => process.tag),
    ["going"],
  );
});

test("shutdown ends every process with the reason, and refuses new ones", async () => {
  using world = await createFakeWorld();
  const stream = await world.link.open(startSpec("sleep", ["100"]));
  const all = events(stream);
  await world.link.shutdown("capsule_stopped", 100);
  const end = (await all).at(-1);
  assert.ok(end?.kind === "exit" && end.reason === "capsule_stopped" && end.signal === "SIGTERM");
  await assert.rejects(world.run("true"), { code: "shutting_down" });
});

test("the agent's pause stops timeouts, and activity is told", async () => {
  using world = await createFakeWorld();
  await world.link.pause();
  const run = world.run("sleep", ["0.08"], { timeoutMs: 30 });
  assert.equal((await run).end.reason, "exited", "the timeout did not run");
  await world.link.resume();
  assert.equal((await world.run("sleep", ["1"], { timeoutMs: 30 })).end.reason, "timed_out");
  await world.link.start(startSpec("sleep", ["100"], { busy: true }));
  const { busy, idleMs } = await world.link.stats();
  assert.deepEqual([busy, idleMs], [1, 0]);
});

test("programs of a script run beside the built-in ones, and a broken one does not break the driver", async () => {
  const programs = {
    greet: async (io: { write(kind: "stdout", text: string): Promise<void>; args: readonly string[] }) => {
      await io.write("stdout", `hi ${io.args[0] ?? ""}\n`);
      return 0;
    },
    crash: async () => Promise.reject(new Error("oops")),
    segfault: async () => Promise.reject(new SignalDeath("SIGSEGV")),
  };
  using world = await createFakeWorld({ programs });
  assert.equal(text((await world.run("sh", ["-c", "greet you"])).stdout), "hi you\n");
  const broken = await world.run("crash");
  assert.deepEqual([broken.end.exitCode, text(broken.stderr)], [70, "the program failed: oops\n"]);
  assert.deepEqual([(await world.run("segfault")).end.exitCode], [139]);
});
