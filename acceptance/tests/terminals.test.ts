import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { CLOSE_CODES, LIMITS, PROCESS_ID } from "@capsuled/contract";
import { expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { refusedUpgrade } from "../harness/stream.ts";
import { upload } from "../harness/files.ts";
import { openTerminal } from "../harness/terminal.ts";
import { waitUntil } from "../harness/wait.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

/** A shell without a profile and without a line editor, which would take keys that are meant for its next job. */
const BASH = { type: "start", cmd: "/bin/bash", args: ["--norc", "--noediting"], envs: { PS1: "% " } };
const sh = (script: string): object => ({ type: "start", cmd: "sh", args: ["-c", script] });

test("start, started, output, exit and a proper close frame come as documented; TERM and size are set", async () => {
  await using terminal = await openTerminal(capsule.id, { ...sh("tty; stty size; echo $TERM; pwd; exit 3"), cols: 100, rows: 30 });
  const started = await terminal.message("started");
  const exit = await terminal.message("exit");
  assert.deepEqual(await terminal.closed, { code: CLOSE_CODES.done, reason: "exit" });
  assert.match(started.tag, /^pty-[0-9a-f]{8}$/);
  assert.match(started.id, PROCESS_ID);
  assert.deepEqual([started.cols, started.rows, started.next_seq], [100, 30, 1]);
  assert.match(terminal.shown, /^\/dev\/pts\/\d+\r\n30 100\r\nxterm-256color\r\n\/root\r\n$/);
  assert.deepEqual([exit.exit_code, exit.reason, exit.stdout_bytes], [3, "exited", terminal.shown.length]);
  assert.equal(exit.stdout_sha256, createHash("sha256").update(terminal.shown, "latin1").digest("hex"));
});

test("a start without anything is a bash of 80 by 24 at home; zeros are the defaults", async () => {
  await using terminal = await openTerminal(capsule.id, { type: "start", cols: 0, rows: 0, user: "root" });
  terminal.type("echo $0 $(stty size) $HOME $USER\r");
  await terminal.shows("/bin/bash 24 80 /root root\r\n");
  terminal.send({ type: "kill" });
  assert.equal((await terminal.message("exit")).exit_code, 137);
});

test("a terminal runs as the user that it is started for, with that user's home", async () => {
  await using terminal = await openTerminal(capsule.id, { ...sh("id -un; id -gn; echo $HOME $USER; pwd; stty size"), user: "games" });
  await terminal.message("exit");
  assert.match(terminal.shown, /^games\r\n(?:games|60)\r\n\/usr\/games games\r\n\/usr\/games\r\n24 80\r\n$/);
  await using nobody = await openTerminal(capsule.id, { type: "start", user: "nosuchuser" });
  const error = await nobody.message("error");
  assert.deepEqual([error.fatal, error.code], [true, "user_not_found"]);
});

test("a user that is in no file is who the capsule's own programs say", async () => {
  await using other = await newCapsule();
  const script = (path: string, line: string): string => `printf '#!/bin/sh\\necho ${line}\\n' > ${path}`;
  await other.sh(`${script("/usr/bin/getent", "of-a-service:x:5:60::/srv:/bin/sh")} && ${script("/usr/bin/id", "60 4")}`);
  const status = sh("grep -E '^(Uid|Gid|Groups)' /proc/self/status | tr -s '\\t ' ' '; echo $USER $HOME");
  await using terminal = await openTerminal(other.id, { ...status, user: "of-a-service" });
  await terminal.message("exit");
  assert.match(terminal.shown, /^Uid: 5 5 5 5\r\nGid: 60 60 60 60\r\nGroups: (4 60|60 4) \r\nof-a-service \/srv\r\n$/);
});

test("a capsule that does not say who a user is keeps nobody waiting for long", { timeout: 300_000 }, async () => {
  await using hostile = await newCapsule();
  await hostile.sh("printf '#!/bin/sh\\nexec sleep 1000\\n' > /usr/bin/getent");
  await using terminal = await openTerminal(hostile.id, { type: "start", user: "only-by-getent" });
  assert.equal((await terminal.message("error")).code, "user_not_found");
});

test("Ctrl-C ends the job in the foreground only, Ctrl-Z stops it, and fg goes on with it", async () => {
  await using terminal = await openTerminal(capsule.id, BASH);
  await terminal.shows("% ");
  terminal.type("sleep 7301 &\r");
  await terminal.shows(/\[1\] \d+/);
  terminal.type("sleep 7302; echo status $?\r");
  await waitUntil(async () => ((await capsule.processes()).some(({ args }) => args.includes("7302")) ? true : undefined), {
    what: "the job",
  });
  terminal.type("\u0003");
  await terminal.shows(/\^C\r\n/);
  terminal.type("jobs; echo still $((40+2))\r");
  await terminal.shows("still 42\r\n");
  const left = (await capsule.processes()).flatMap(({ args }) => args.filter((arg) => arg === "7301" || arg === "7302"));
  assert.deepEqual(left, ["7301"]);
  terminal.type("cat\r");
  terminal.type("one\r");
  await terminal.shows("one\r\none\r\n");
  terminal.type("\u001a");
  // What is typed before the prompt is echoed before it, too.
  await terminal.shows(/Stopped\s+cat\r\n% /);
  terminal.type("fg\r");
  await terminal.shows(/fg\r\n[^%]*cat\r\n/);
  terminal.type("two\r");
  await terminal.shows(/fg\r\n[^%]*two\r\ntwo\r\n/);
  terminal.type("\u0004");
  terminal.type("exit 5\r");
  assert.equal((await terminal.message("exit")).exit_code, 5);
});

test("Ctrl-\\ ends the job in the foreground with SIGQUIT, and the shell goes on", async () => {
  await using terminal = await openTerminal(capsule.id, BASH);
  await terminal.shows("% ");
  terminal.type("ulimit -c 0; sleep 7303; echo status $?\r");
  await waitUntil(async () => ((await capsule.processes()).some(({ args }) => args.includes("7303")) ? true : undefined), {
    what: "the job",
  });
  terminal.type("\u001c");
  await terminal.shows(/\^\\[^]*Quit[^]*status 131\r\n/);
  terminal.type("echo still $((40+2))\r");
  await terminal.shows("still 42\r\n");
  terminal.type("exit\r");
  assert.equal((await terminal.message("exit")).exit_code, 0);
});

test("when a terminal's first process ends, its foreground and what is stopped in it are hung up, and what has left it goes on", async () => {
  // Each job writes the signals that it gets to a file of its name, once it is up.
  const job = `import os,signal,sys
name=sys.argv[1]
def got(number, _): open("/tmp/hup-"+name,"a").write(signal.Signals(number).name+" ")
for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGCONT): signal.signal(number, got)
if name=="left":
  if os.fork(): os._exit(0)
  os.setsid()
open("/tmp/hup-"+name,"w").close()
if name=="foreground": os.kill(os.getppid(), signal.SIGKILL)
if name=="stopped": os.kill(0, signal.SIGSTOP)
while True: signal.pause()`;
  await upload(capsule.id, "/tmp/job.py", job);
  const file = async (name: string): Promise<string> => (await capsule.sh(`cat /tmp/hup-${name} 2>&1 || true`)).stdout;
  const said = (name: string, what: string | RegExp): Promise<true> =>
    waitUntil(async () => ((await file(name)).match(what) === null ? undefined : true), { what: `${String(what)} of ${name}` });
  await using terminal = await openTerminal(capsule.id, BASH);
  await terminal.shows("% ");
  terminal.type("python3 /tmp/job.py left &\r");
  await said("left", /^$/);
  terminal.type("python3 /tmp/job.py stopped &\r");
  await waitUntil(
    async () => ((await capsule.sh("ps -eo stat=,args=")).stdout.match(/^T.*job\.py stopped$/m) === null ? undefined : true),
    {
      what: "the job that stops itself",
    },
  );
  terminal.type("python3 /tmp/job.py foreground\r");
  const exit = await terminal.message("exit");
  assert.deepEqual([exit.signal, exit.reason], ["SIGKILL", "signaled"]);
  await said("foreground", /^SIGHUP /);
  await said("stopped", /SIGHUP/);
  assert.equal(await file("left"), "");
  await capsule.sh("pkill -9 -f /tmp/job.py; true");
});

test("a viewer that connects by tag is told of the terminal, shown its scrollback, and then what comes", async () => {
  await using first = await openTerminal(capsule.id, BASH);
  const { tag, pid, id } = await first.message("started");
  first.type("echo before-$((1+1))\r");
  await first.shows("before-2\r\n");
  await using second = await openTerminal(capsule.id, { type: "connect", tag });
  const started = await second.message("started");
  assert.deepEqual([started.tag, started.pid, started.id, started.next_seq], [tag, pid, id, 1]);
  await second.shows("before-2\r\n");
  second.type("echo after-$((2+2))\r");
  await Promise.all([first.shows("after-4\r\n"), second.shows("after-4\r\n")]);
  await waitUntil(() => (first.shown === second.shown ? true : undefined), { what: "both to show the same" });
  await using late = await openTerminal(capsule.id, { type: "connect", tag: id, from: "now" });
  await late.message("started");
  assert.equal(late.shown, "");
  first.type("exit\r");
  for (const viewer of [first, second, late]) {
    assert.equal((await viewer.message("exit")).exit_code, 0);
    assert.equal((await viewer.closed).code, CLOSE_CODES.done);
  }
  await using afterEnd = await openTerminal(capsule.id, { type: "connect", tag });
  await afterEnd.message("exit");
  assert.equal(afterEnd.shown, first.shown, "an ended terminal's scrollback and exit are kept");
});

test("scrollback is bounded and begins at a line; from a record number on nothing is lost or doubled", async () => {
  const lines = 60_000;
  await using first = await openTerminal(capsule.id, sh(`seq -f 'line %08.0f' ${lines}; read x`));
  const { tag } = await first.message("started");
  const last = `line ${String(lines).padStart(8, "0")}\r\n`;
  await first.shows(last);
  await using second = await openTerminal(capsule.id, { type: "connect", tag });
  await second.shows(last);
  assert.ok(second.shown.length <= LIMITS.scrollbackBytes, `${second.shown.length} bytes`);
  assert.ok(second.shown.length > LIMITS.scrollbackBytes - 8192, `${second.shown.length} bytes`);
  assert.match(second.shown, /^line \d{8}\r\n/);
  assert.ok(first.shown.endsWith(second.shown));
  const records = first.messages.flatMap((message) => (message.type === "output" && message.seq !== undefined ? [message.seq] : []));
  const middle = records[Math.floor(records.length / 2)] ?? 1;
  const until = first.messages.findIndex((message) => message.type === "output" && message.seq === middle);
  const seen = first.messages
    .slice(0, until + 1)
    .map((message) => (message.type === "output" ? Buffer.from(message.data, "base64") : Buffer.alloc(0)));
  await using resumed = await openTerminal(capsule.id, { type: "connect", tag, from: middle + 1 });
  await resumed.shows(last);
  assert.equal(Buffer.concat(seen).toString("latin1") + resumed.shown, first.shown);
  await using beyond = await openTerminal(capsule.id, { type: "connect", tag, from: 1_000_000_000 });
  assert.deepEqual((await beyond.message("error")).code, "invalid_offset");
  first.send({ type: "kill" });
  await first.message("exit");
});

test("of several viewers' sizes the latest wins, the job hears of it, and a zero is ignored", async () => {
  // A shell's own trap misses a signal that comes while it runs.
  const script = `import os,signal
signal.signal(signal.SIGWINCH, lambda *_: print(os.get_terminal_size().lines, os.get_terminal_size().columns, flush=True))
print("up", flush=True)
while True: signal.pause()`;
  await using first = await openTerminal(capsule.id, { type: "start", cmd: "python3", args: ["-c", script] });
  const { tag } = await first.message("started");
  await first.shows("up\r\n");
  await using second = await openTerminal(capsule.id, { type: "connect", tag });
  await second.message("started");
  first.send({ type: "resize", cols: 90, rows: 20 });
  await first.shows("20 90\r\n");
  first.send({ type: "resize", cols: 0, rows: 50 });
  second.send({ type: "resize", cols: 132, rows: 43 });
  await first.shows("43 132\r\n");
  assert.ok(!first.shown.includes("50 "));
  await using third = await openTerminal(capsule.id, { type: "connect", tag });
  const started = await third.message("started");
  assert.deepEqual([started.cols, started.rows], [132, 43]);
  third.send({ type: "resize", cols: 1_000_000, rows: 24 });
  const error = await third.message("error");
  assert.deepEqual([error.code, error.fatal], ["bad_message", undefined]);
  third.send({ type: "kill" });
  await first.message("exit");
});

test("input under load is neither lost nor reordered, however slowly it is read", { timeout: 300_000 }, async () => {
  // Raw, so that the kernel has no line to drop; it sleeps first, so that everything waits.
  const reader = `import hashlib,os,sys,termios,time,tty
tty.setraw(0); print("ready", flush=True); time.sleep(1)
want=int(sys.argv[1]); digest=hashlib.sha256(); got=0
while got<want:
  data=os.read(0,65536); digest.update(data); got+=len(data)
print("digest "+digest.hexdigest(), flush=True)`;
  const bytes = Buffer.from(Array.from({ length: 600_000 }, (_, n) => `${n % 10_000_000},`).join("")).subarray(0, 3_000_000);
  await using terminal = await openTerminal(capsule.id, { type: "start", cmd: "python3", args: ["-c", reader, String(bytes.length)] });
  await terminal.shows("ready");
  for (let at = 0; at < bytes.length;) {
    const piece = bytes.subarray(at, at + 1 + ((at * 7919) % 9000));
    terminal.send({ type: "input", data: piece.toString("base64") });
    at += piece.length;
  }
  await terminal.shows(/digest [0-9a-f]{64}/, 50_000);
  assert.ok(terminal.shown.includes(`digest ${createHash("sha256").update(bytes).digest("hex")}`));
  assert.equal(terminal.messages.filter(({ type }) => type === "error").length, 0);
  await terminal.message("exit");
});

test("keys sent at once with the start, and sizes between them, all arrive in order", async () => {
  await using terminal = await openTerminal(capsule.id, {
    type: "start",
    cmd: "sh",
    args: ["-c", 'while read line; do echo "<$line>"; done'],
  });
  for (let n = 0; n < 200; n += 1) {
    terminal.type(`key ${n}\n`);
    if (n % 3 === 0) terminal.send({ type: "resize", cols: 80 + (n % 20), rows: 24 });
  }
  await terminal.shows("<key 199>");
  const answered = [...terminal.shown.matchAll(/<key (\d+)>/g)].map(([, n]) => Number(n));
  assert.deepEqual(
    answered,
    Array.from({ length: 200 }, (_, n) => n),
  );
  terminal.type("\u0004");
  await terminal.message("exit");
});

test("a terminal whose viewers have gone goes on; kill ends everything in it", async () => {
  const first = await openTerminal(capsule.id, sh("setsid sleep 7401 & echo up; sleep 7402"));
  const { tag, id } = await first.message("started");
  await first.shows("up");
  await first[Symbol.asyncDispose]();
  await using second = await openTerminal(capsule.id, { type: "connect", tag });
  await second.shows("up");
  second.send({ type: "kill" });
  const exit = await second.message("exit");
  assert.deepEqual([exit.exit_code, exit.signal, exit.reason], [137, "SIGKILL", "stopped"]);
  await waitUntil(
    async () => ((await capsule.processes()).some(({ args }) => args.includes("7401") || args.includes("7402")) ? undefined : true),
    { what: "the tree to be gone" },
  );
  assert.equal((await expectCall("getProcess", 200, { params: { id: capsule.id, selector: id } })).tag, tag);
});

test("an unknown tag, or a process without a terminal, is a fatal error at once", async () => {
  const background = await capsule.background({ cmd: "sleep", args: ["100"] });
  for (const tag of ["pty-00000000", background.tag]) {
    await using terminal = await openTerminal(capsule.id, { type: "connect", tag });
    const error = await terminal.message("error");
    assert.deepEqual([error.fatal, error.code], [true, "terminal_not_found"]);
    assert.equal((await terminal.closed).code, CLOSE_CODES.done);
    assert.deepEqual(terminal.messages.length, 1);
  }
});

test("what cannot start is a fatal error, and so is a wrong first message; later wrong ones are not", async () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ type: "start", cmd: "nosuchprogram" }, "spawn_failed"],
    [{ type: "start", cwd: "/nosuch" }, "cwd_not_found"],
    [{ type: "start", cols: -1 }, "bad_first_message"],
    [{ type: "start", cols: 100_000 }, "bad_first_message"],
    [{ type: "start", cols: 80.5 }, "bad_first_message"],
    [{ type: "input", data: "" }, "bad_first_message"],
    [{ type: "connect" }, "bad_first_message"],
  ];
  for (const [first, code] of cases) {
    await using terminal = await openTerminal(capsule.id, first);
    const error = await terminal.message("error");
    assert.deepEqual([error.fatal, error.code], [true, code], JSON.stringify(first));
    assert.equal((await terminal.closed).code, code === "bad_first_message" ? CLOSE_CODES.bad_first_message : CLOSE_CODES.done);
  }
  await using terminal = await openTerminal(capsule.id, BASH);
  await terminal.shows("% ");
  terminal.send({ type: "input", data: "§" });
  assert.equal((await terminal.message("error")).fatal, undefined);
  terminal.type("exit\r");
  await terminal.message("exit");
});

test("a capsule that is not there, is paused, or is another's is an HTTP answer; without an upgrade it is 426", async () => {
  await expectError("openTerminal", "upgrade_required", { params: { id: capsule.id } });
  assert.equal((await refusedUpgrade(`/v1/capsules/cl-${"0".repeat(25)}/pty`)).status, 404);
  assert.equal((await refusedUpgrade(`/v1/capsules/${capsule.id}/pty`, { key: null })).status, 401);
  await using paused = await newCapsule();
  await paused.pause();
  assert.equal((await refusedUpgrade(`/v1/capsules/${paused.id}/pty`)).status, 409);
});

test("a ticket opens a terminal; the socket of a destroyed capsule tells its end", async () => {
  await using doomed = await newCapsule();
  const path = `/v1/capsules/${doomed.id}/pty`;
  const { ticket } = await expectCall("createTicket", 201, { body: { path } });
  await using terminal = await openTerminal(doomed.id, BASH, `${path}?ticket=${ticket}`);
  await terminal.shows("% ");
  await expectCall("destroyCapsule", 204, { params: { id: doomed.id } });
  const exit = await terminal.message("exit");
  assert.equal(exit.reason, "capsule_destroyed");
});

test("an open terminal keeps its capsule awake, one that nobody looks at does not", { timeout: 300_000 }, async () => {
  await using idle = await newCapsule({ timeout_sec: 3 });
  const terminal = await openTerminal(idle.id, BASH);
  await terminal.shows("% ");
  await new Promise((done) => setTimeout(done, 5000)); // what is proven is that nothing happens meanwhile
  assert.equal((await idle.get()).status, "running");
  await terminal[Symbol.asyncDispose]();
  await waitUntil(async () => ((await idle.get()).status === "paused" ? true : undefined), { what: "the pause", timeoutMs: 20_000 });
});
