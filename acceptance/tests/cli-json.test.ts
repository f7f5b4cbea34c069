import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cli, startCli } from "../harness/cli.ts";
import { property } from "../harness/call.ts";
import { newTeam } from "../harness/team.ts";

/** Commands whose JSON other tests read, or that have none to say. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  shell: "a terminal's bytes",
  completion: "a script for a shell",
  start: "with the packages",
  stop: "with the packages",
  forward: "begins and waits; below",
  "images upload": "with images",
  "images rm": "with images",
  "templates build": "with recipes",
  "templates logs": "with recipes",
  "templates rm": "with snapshots",
};

test("with --json every command writes JSON and nothing else to standard output: one value, or one a line", async () => {
  const { key } = await newTeam();
  const dir = mkdtempSync(join(tmpdir(), "capsuled-cli-"));
  const env = { CAPSULED_API_KEY: key, XDG_CONFIG_HOME: dir };
  const done = new Set<string>();
  /** What a command says, each line or the whole as JSON. */
  const ask = async (words: string, ...rest: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await cli([...words.split(" "), "--json", ...rest], { env });
    assert.equal(code, 0, `${words}: ${stderr}`);
    done.add(words);
    const lines = stdout.trimEnd().split("\n");
    for (const line of lines) assert.doesNotThrow(() => JSON.parse(line), `${words}: ${line}`);
    return JSON.parse(lines.at(-1) ?? "");
  };
  try {
    writeFileSync(join(dir, "e.yaml"), "version: 1\nendpoints:\n  - name: hello\n    command: echo hello\n");
    assert.equal(property(await ask("run", "--", "echo", "hello"), "type"), "exit");
    const id = String(property(await ask("create", "--name", "box", "--auto-resume"), "id"));
    const facts = await ask("info", id);
    assert.deepEqual([property(facts, "status"), property(facts, "auto_resume")], ["running", true]);
    assert.equal(property(await ask("exec", id, "--", "sh", "-c", "echo a; echo b >&2"), "exit_code"), 0);
    const started = await ask("exec", "-d", "--tag", "sleeper", id, "--", "sleep", "600");
    assert.equal(property(started, "tag"), "sleeper");
    const found = await ask("ps", id);
    assert.ok(Array.isArray(found) && found.some((one) => property(one, "tag") === "sleeper"));
    assert.equal(property(await ask("logs", id, "sleeper"), "type"), "start");
    assert.equal(property(await ask("logs", id, "sleeper", "--stream", "stderr"), "total"), 0);
    assert.equal(property(await ask("kill", id, "sleeper"), "signal"), "SIGKILL");
    assert.equal(property(await ask("logs", "-f", id, "sleeper"), "type"), "exit");
    assert.equal(property(await ask("network", id), "egress") !== undefined, true);
    assert.equal(property(await ask("pause", id), "status"), "paused");
    assert.equal(property(await ask("resume", id), "status"), "running");
    assert.equal(property(await ask("ping", id), "id"), id);
    assert.equal(property(await ask("cp", join(dir, "e.yaml"), `${id}:/tmp/e.yaml`), "files"), 1);
    assert.equal(property(await ask("snapshot", id, "--name", "kept"), "name"), "kept");
    assert.match(JSON.stringify(await ask("fork", id)), /"cl-\w+"/);
    assert.equal(property(await ask("halt", id), "status"), "stopped");
    assert.equal(property(await ask("boot", id), "status"), "running");
    await cli(["exec", id, "--", "mkdir", "/tmp/seen"], { env });
    const watch = startCli(["watch", "--json", `${id}:/tmp/seen`], env);
    await watch.printed("watching");
    await cli(["exec", id, "--", "rmdir", "/tmp/seen"], { env });
    for (const line of (await watch.ended).stdout.trim().split("\n")) assert.doesNotThrow(() => JSON.parse(line), line);
    done.add("watch");
    const capsules = await ask("ls");
    assert.ok(Array.isArray(capsules) && capsules.length === 2);
    for (const one of capsules) await ask("rm", String(property(one, "id")));
    assert.ok(Array.isArray(await ask("templates ls")));
    assert.equal((await cli(["templates", "rm", "kept"], { env })).code, 0);
    assert.equal(property(await ask("endpoints apply", "-f", join(dir, "e.yaml")), "applied"), true);
    assert.ok(Array.isArray(await ask("endpoints ls")));
    assert.equal(property(await ask("endpoints call", "hello"), "type"), "done");
    const runs = await ask("runs");
    const run = String(property(Array.isArray(runs) ? runs[0] : undefined, "id"));
    assert.equal(property(await ask("runs logs", run), "type"), "done");
    assert.equal(property(await ask("runs cancel", run), "id"), run);
    assert.equal(property(await ask("endpoints rm", "hello"), "name"), "hello");
    assert.ok((await ask("events")) !== undefined);
    const made = await ask("keys create", "--name", "ci");
    assert.ok(Array.isArray(await ask("keys ls")));
    await ask("keys revoke", String(property(made, "id")));
    assert.ok(Array.isArray(await ask("teams ls")));
    const admin = await cli(["teams", "create", `Other ${Date.now()}`, "--json"]);
    assert.doesNotThrow(() => JSON.parse(admin.stdout), admin.stderr);
    done.add("teams create");
    assert.equal(property(await ask("servers add", "here", "http://127.0.0.1:1"), "name"), "here");
    assert.ok(Array.isArray(await ask("servers ls")));
    assert.equal(property(await ask("servers rm", "here"), "name"), "here");
    assert.ok(Array.isArray(await ask("doctor")));
  } finally {
    rmSync(dir, { recursive: true });
  }
  const help = (await cli(["--help"])).stdout;
  const commands = [...help.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}\S/gm)].map(([, name = ""]) => name);
  assert.ok(commands.length > 40);
  assert.deepEqual(
    commands.filter((name) => !done.has(name) && ELSEWHERE[name] === undefined),
    [],
    "ask each for its JSON here, or say where it is",
  );
});

test("with --json what is wrong is one line of JSON on standard error, in the shape of the API's errors, for each thing that is wrong", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const errorsOf = async (args: readonly string[], exitCode: number, printed = ""): Promise<readonly unknown[]> => {
    const { code, stdout, stderr } = await cli(args, { env });
    assert.deepEqual([code, stdout], [exitCode, printed], stderr);
    const lines = stderr.trimEnd().split("\n");
    return lines.map((line) => property(JSON.parse(line), "error"));
  };
  const facts = (error: unknown): readonly unknown[] => ["code", "message", "hint", "exit_code"].map((name) => property(error, name));
  const [missing] = await errorsOf(["info", "nobody", "--json"], 1);
  assert.deepEqual(facts(missing), ["not_found", 'There is no capsule "nobody".', "`capsuled ls` lists those that there are.", 1]);
  assert.match(String(property(missing, "request_id")), /^req-/);
  const id = String(property(JSON.parse((await cli(["create", "--json"], { env })).stdout), "id"));
  const gone = await errorsOf(["kill", "--json", id, "nobody", "none"], 1);
  assert.deepEqual(
    gone.map((error) => property(error, "code")),
    ["not_found", "not_found"],
  );
  const [refused] = await errorsOf(["create", "--memory", "7", "--json"], 1);
  assert.deepEqual(facts(refused), ["invalid_request", "--memory must be at least 32", undefined, 1]);
  assert.equal(property(property(refused, "details"), "field"), "memory_mb");
  const [unknown] = await errorsOf(["exec", "--json", id, "--", "no-such-program"], 127);
  assert.deepEqual(facts(unknown), ["spawn_failed", "no-such-program: command not found", undefined, 127]);
  const [usage] = await errorsOf(["--json", "exec", id], 64);
  assert.equal(property(usage, "code"), "usage");
  const [key401] = await errorsOf(["ls", "--json", "--key", "wrn_wrong"], 77);
  assert.equal(property(key401, "code"), "unauthorized");
  const [away] = await errorsOf(["ls", "--json", "--server", "http://127.0.0.1:1"], 69);
  assert.deepEqual([property(away, "code"), property(away, "request_id")], ["connection", null]);
  const [file] = await errorsOf(["cp", "--json", "/nonexistent", `${id}:/tmp`], 1);
  assert.equal(property(file, "code"), "ENOENT");
  assert.equal((await cli(["rm", id], { env })).code, 0);
});
