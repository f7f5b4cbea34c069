import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { LEFT_LOG_BYTES_MAX, readLeftLog } from "./left-log.ts";

/** As an agent wrote them: what is no entry, a start, an end. */
const LINES = [
  'dfc087d8582945f9 0 {"next":1}',
  '0da073f4ae6f585c 0 {"live":{"args":["-c","echo héllo; exit 3"],"by":"key-b890kjp5j0chu5qvxypel3qfl","cmd":"sh","foreground":false,"id":"pr-5v9epn4pr7xmdywpzp2sbhy99","pid":7,"started_at_ms":1795335539852,"tag":"job"}}',
  '57db0f35c338c405 1 {"kind":"started","n":1,"process":{"args":["-c","echo héllo; exit 3"],"by":"key-b890kjp5j0chu5qvxypel3qfl","cmd":"sh","foreground":false,"id":"pr-5v9epn4pr7xmdywpzp2sbhy99","pid":7,"started_at_ms":1795335539852,"tag":"job"},"time_ms":1795335539852}',
  'a4d00a3fd5f181be 2 {"end":{"duration_ms":47,"ended_at_ms":1795335539900,"exit_code":3,"gap_bytes":0,"id":"pr-5v9epn4pr7xmdywpzp2sbhy99","late_bytes":0,"oom_kills":0,"pid":7,"reason":"exited","requested":null,"seq":2,"signal":null,"started_at_ms":1795335539852,"stderr_bytes":0,"stderr_sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","stderr_tail":"","stdout_bytes":7,"stdout_sha256":"b95becd154aa095f76c4ca47a5aeb8350d6dfcb838404edfc9dae06628de938d","stdout_tail":"","tag":"job"},"kind":"ended","n":2,"process":{"args":["-c","echo héllo; exit 3"],"by":"key-b890kjp5j0chu5qvxypel3qfl","cmd":"sh","foreground":false,"id":"pr-5v9epn4pr7xmdywpzp2sbhy99","pid":7,"started_at_ms":1795335539852,"tag":"job"},"time_ms":1795335539900}',
] as const;

class Control implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "capsuled-left-"));
  readonly log = join(this.path, "processes.log");
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

async function numbersIn(control: string, from = 1): Promise<readonly unknown[]> {
  return (await readLeftLog(control, from)).map((json) => {
    const entry: unknown = JSON.parse(Buffer.from(json).toString("utf8"));
    return typeof entry === "object" && entry !== null && "n" in entry ? entry.n : null;
  });
}

test("entries that an agent wrote are read from a number on, in the order of its two files", async () => {
  using control = new Control();
  assert.deepEqual(await numbersIn(control.path), [], "no log is an empty one");
  writeFileSync(control.log, `${LINES.join("\n")}\n`);
  assert.deepEqual(await numbersIn(control.path), [1, 2]);
  assert.deepEqual(await numbersIn(control.path, 2), [2]);
  assert.deepEqual(await numbersIn(control.path, 3), []);
  writeFileSync(`${control.log}.1`, `${LINES[2]}\n`);
  writeFileSync(control.log, `${LINES[3]}\n`);
  assert.deepEqual(await numbersIn(control.path), [1, 2]);
});

test("a line that is damaged, cut off or made up is left out, and the others are read", async () => {
  using control = new Control();
  const start = LINES[2];
  const damaged = start.replace('"pid":7', '"pid":8');
  writeFileSync(control.log, `${damaged}\n\n \nnonsense\n${LINES[3]}\n${start.slice(0, -1)}`);
  assert.deepEqual(await numbersIn(control.path), [2]);
});

test("links, directories and pipes in a control directory are not read, and nothing waits for them", async () => {
  for (const plant of [
    (path: string) => symlinkSync("/etc/passwd", path),
    (path: string) => mkdirSync(path),
    (path: string) => void execFileSync("mkfifo", [path]),
  ]) {
    using control = new Control();
    plant(control.log);
    await assert.rejects(readLeftLog(control.path, 1));
  }
});

test("what lies beyond the bound of a file is not read", async () => {
  using control = new Control();
  writeFileSync(control.log, `${LINES[2]}\n`);
  truncateSync(control.log, LEFT_LOG_BYTES_MAX);
  appendFileSync(control.log, `\n${LINES[3]}\n`);
  assert.deepEqual(await numbersIn(control.path), [1]);
});
