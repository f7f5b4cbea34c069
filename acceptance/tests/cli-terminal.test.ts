import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { cli, CLI, startCli } from "../harness/cli.ts";
import type { CliRun } from "../harness/cli.ts";
import { cuttingProxy } from "../harness/cutting-proxy.ts";
import { sdkCapsule, sdkClient } from "../harness/sdk.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

const ESCAPE = "\u001b[";

/** The program on a terminal of so many rows and columns, as a person has it. */
function inTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}, columns = 99): CliRun {
  const command = `stty rows 33 cols ${columns}; exec ${[process.execPath, CLI, ...args].join(" ")}`;
  return startCli([], { TERM: "xterm-256color", ...env }, ["script", "-qefc", command, "/dev/null"]);
}

test("on a terminal a list has colours, and none with NO_COLOR, on a dumb terminal, or in a pipe", async () => {
  const { key } = await newTeam();
  await using capsule = await sdkClient({ apiKey: key }).capsules.create();
  const env = { CAPSULED_API_KEY: key };
  const seen = async (more: Readonly<Record<string, string>>): Promise<string> => {
    const { code, stdout } = await inTerminal(["ls"], { ...env, ...more }).ended;
    assert.equal(code, 0, stdout);
    assert.ok(stdout.includes(capsule.id));
    return stdout;
  };
  assert.ok((await seen({})).includes(`${ESCAPE}32mrunning${ESCAPE}0m`));
  for (const more of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) assert.ok(!(await seen(more)).includes(ESCAPE), JSON.stringify(more));
  assert.ok(!(await cli(["ls"], { env })).stdout.includes(ESCAPE));
});

test("a list is no wider than its terminal and keeps the ids whole, and in a pipe nothing of it is cut", async () => {
  const { key } = await newTeam();
  const name = "a name that is rather long for a box";
  await using capsule = await sdkClient({ apiKey: key }).capsules.create({ name });
  const env = { CAPSULED_API_KEY: key, NO_COLOR: "1" };
  for (const [columns, due] of [
    [80, /^ID +NAME +STATUS +TEMPLATE +MEMORY +CREATED\r?\ncl-\w{25} {2}a name \S*… +running +minimal/],
    [40, /^ID {8}cl-\w{25}\r?\nNAME {6}a name that is rather long fo…\r?\nSTATUS {4}running\r?\n/],
  ] as const) {
    const { stdout } = await inTerminal(["ls"], env, columns).ended;
    assert.match(stdout, due);
    for (const line of stdout.split(/\r?\n/)) assert.ok(line.length <= columns, line);
    assert.ok(stdout.includes(capsule.id));
  }
  assert.ok((await cli(["ls"], { env })).stdout.includes(` ${name} `));
});

test("shell: a size that changes reaches the program within, Ctrl-C is its own, and the end passes on the exit code", async () => {
  await using capsule = await sdkCapsule();
  const shell = inTerminal(["shell", capsule.id, "--", "sh"]);
  await shell.printed("# ");
  shell.child.stdin.write("stty size\r");
  await shell.printed("33 99");
  execFileSync("stty", ["-F", await deviceOf(shell), "rows", "21", "cols", "77"]);
  shell.child.stdin.write("until [ \"$(stty size)\" = '21 77' ]; do sleep 0.1; done; echo now $(stty size)\r");
  await shell.printed("now 21 77");
  shell.child.stdin.write("echo sle''eps; sleep 600\r");
  await shell.printed("sleeps");
  shell.child.stdin.write("\u0003");
  shell.child.stdin.write("echo aft''er; exit 7\r");
  await shell.printed("after");
  assert.equal((await shell.ended).code, 7);
});

/** The terminal that the person sits at: the standard input of what `script` has started. */
async function deviceOf({ child }: CliRun): Promise<string> {
  const pid = await waitUntil(() => childOf(child.pid ?? 0), { what: "the program on the terminal" });
  return readlinkSync(`/proc/${pid}/fd/0`);
}

function childOf(pid: number): number | undefined {
  const [found] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  return found === undefined || found === "" ? undefined : Number(found);
}

test("shell without a terminal is refused with what to use in its place", async () => {
  const { code, stdout, stderr } = await cli(["shell", "cl-none"]);
  assert.deepEqual([code, stdout], [64, ""]);
  assert.match(stderr, /needs a terminal.*capsuled exec/);
});

test("a command that a signal ends gives 128 and its number, and says so; SIGTERM ends a command as Ctrl-C does", async () => {
  await using capsule = await sdkCapsule();
  const killed = await cli(["exec", capsule.id, "--", "sh", "-c", "echo up; kill -9 $$"]);
  assert.deepEqual([killed.code, killed.stdout], [137, "up\n"]);
  assert.equal(killed.stderr, "capsuled: the command was ended by SIGKILL (signaled)\n");
  const own = await cli(["exec", capsule.id, "--", "sh", "-c", "exit 137"]);
  assert.deepEqual([own.code, own.stderr], [137, ""]);
  const run = startCli(["exec", capsule.id, "--", "sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"]);
  await run.printed("up");
  run.child.kill("SIGTERM");
  const end = await run.ended;
  assert.deepEqual([end.code, end.stdout], [3, "up\nbye\n"]);
  assert.ok(!end.stderr.includes("capsuled:"), end.stderr);
});

test("over a connection that is cut again and again a command's output arrives whole, with its exit code", async () => {
  await using capsule = await sdkCapsule();
  await using proxy = await cuttingProxy((connection) => (connection < 12 ? 400 + connection * 1_500 : null));
  const env = { CAPSULED_URL: proxy.url };
  const { code, stdout, stderr } = await cli(["exec", capsule.id, "--", "sh", "-c", "seq 1 20000; exit 9"], { env });
  assert.equal(code, 9, stderr);
  assert.equal(stdout, Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join(""));
  assert.ok(proxy.cuts > 5, `${proxy.cuts} connections were cut`);
});

test("a reader that takes its time holds the program's memory within a bound, and gets every byte", async () => {
  await using capsule = await sdkCapsule();
  // Less than is kept of an output, so that nothing is a gap.
  const size = 200_000_000;
  const run = startCli(["exec", capsule.id, "--", "head", "-c", String(size), "/dev/zero"]);
  run.child.stdout.setEncoding("latin1");
  let count = 0;
  const counting = (text: string): number => (count += text.length);
  run.child.stdout.on("data", counting);
  const peak = (): number => Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${run.child.pid}/status`, "utf8"))?.[1] ?? "0");
  await run.printed("\0");
  // From here on nobody keeps what comes.
  for (const listener of run.child.stdout.rawListeners("data"))
    if (listener !== counting) run.child.stdout.off("data", listener as () => void);
  run.child.stdout.pause();
  // It is full when its memory does not grow any more.
  let before = 0;
  await waitUntil(
    () => {
      const now = peak();
      const isSteady = now === before;
      before = now;
      return isSteady ? true : undefined;
    },
    { what: "the program to wait for its reader", everyMs: 500 },
  );
  assert.ok(before < 200 * 1024, `${before} KiB`);

  run.child.stdout.resume();
  const { code } = await run.ended;
  assert.deepEqual([code, count], [0, size]);
});
