import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cli, startCli } from "../harness/cli.ts";
import type { CliEnd } from "../harness/cli.ts";
import { sdkClient } from "../harness/sdk.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";

test("events tell in one line each which capsule it was, why it ended, and what was started and how that ended", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const client = sdkClient({ apiKey: key });
  const gone = await client.capsules.create({ name: "gone" });
  await gone.destroy();
  await using capsule = await client.capsules.create({ name: "box" });
  await (await capsule.commands.exec("sh", ["-c", "exit 3"], { background: true, tag: "worker" })).wait();
  await capsule.stop();
  const { code, stdout, stderr } = await cli(["events"], { env });
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = stdout.trimEnd().split("\n");
  const told = lines.map((line) => /^\S{24} {2}(\S+) +(cl-\w{25}) {2}(\S+)(?: +(.*))?$/.exec(line)?.slice(1));
  const has = (...due: (string | undefined)[]): void =>
    assert.ok(
      told.some((one) => due.every((part, at) => one?.[at] === part)),
      `${JSON.stringify(due)} in\n${stdout}`,
    );
  has("capsule.created", gone.id, "gone", "template minimal, 1 vcpu, 512 MiB");
  has("capsule.destroyed", gone.id, "gone");
  has("process.started", capsule.id, "box", "worker: sh -c exit 3");
  has("process.ended", capsule.id, "box", "worker exited with 3: sh -c exit 3");
  has("capsule.stopped", capsule.id, "box");
  assert.match(stdout, /capsule\.stopped .*box +stopped/);
  const columns = new Set(lines.map((line) => line.indexOf("cl-")));
  assert.equal(columns.size, 1, stdout);
  // Its creation is not among the events that are asked for, and the capsule is destroyed.
  const [, last] = (await cli(["events", "--capsule", gone.id, "--limit", "1"], { env })).stdout.split("  ");
  assert.equal(last?.trim(), "capsule.destroyed");
  const values = (await cli(["events", "--json"], { env })).stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  assert.equal(values.length, lines.length);
  assert.ok(JSON.stringify(values).includes('"exit_code":3'));
});

test("logs pass on both streams in the order in which they were printed, each to its own, of a process that runs and of one that has ended", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  await using capsule = await sdkClient({ apiKey: key }).capsules.create();
  const steps = "for i in 1 2 3; do echo out$i; sleep 0.3; echo err$i >&2; sleep 0.3; done; printf 'half \\303' >&2; echo; ";
  await capsule.commands.exec("sh", ["-c", `${steps} exec sleep 600`], { background: true, tag: "runs" });
  const { wait } = await capsule.commands.exec("sh", ["-c", `${steps} exit 3`], { background: true, tag: "ended" }).then((handle) => ({
    wait: () => handle.wait(),
  }));
  await wait();
  const follow = startCli(["logs", "-f", "--json", capsule.id, "runs"], env);
  await follow.printed('"seq":8');
  follow.child.kill("SIGINT");
  await follow.ended;
  for (const tag of ["runs", "ended"]) {
    const { code, stdout, stderr } = await cli(["logs", capsule.id, tag], { env });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "out1\nout2\nout3\n\n", tag);
    assert.ok(stderr.startsWith("err1\nerr2\nerr3\nhalf "), stderr);
    const lines = (await cli(["logs", "--json", capsule.id, tag], { env })).stdout.trim().split("\n");
    const events = lines.map((line) => JSON.parse(line) as { readonly type: string; readonly data?: string; readonly seq?: number });
    assert.equal(events[0]?.type, "start");
    const joined = events.slice(1).map(({ type, data }) => `${type === "stdout" ? "" : "!"}${data?.trim() ?? ""}`);
    assert.deepEqual(joined.slice(0, 6), ["out1", "!err1", "out2", "!err2", "out3", "!err3"], lines.join("\n"));
    const seqs = events.slice(1).map(({ seq }) => seq ?? 0);
    assert.deepEqual(
      seqs,
      seqs.toSorted((a, b) => a - b),
    );
    assert.equal((await cli(["logs", "--stream", "stdout", capsule.id, tag], { env })).stdout, "out1\nout2\nout3\n\n");
    const errors = await cli(["logs", "--stream", "stderr", capsule.id, tag], { env });
    assert.deepEqual([errors.stdout, errors.stderr.slice(0, 5)], ["", "err1\n"]);
  }
  await capsule.pause();
  const paused = await cli(["logs", capsule.id, "runs"], { env });
  assert.deepEqual([paused.code, paused.stdout], [0, "out1\nout2\nout3\n\n"]);
  assert.match(paused.stderr, /^capsuled: the capsule is not running, so its two streams come one after the other\nerr1\n/);
  await capsule.resume();
  assert.equal((await cli(["logs", "-f", "--stream", "stdout", capsule.id, "runs"], { env })).code, 64);
  const none = await cli(["logs", capsule.id, "nobody"], { env });
  assert.deepEqual([none.code, none.stdout], [1, ""], none.stderr);
});

test("kill and logs tell of a process that has ended how it did, and of one that nobody knows where it could be found; the others are killed all the same", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  await using capsule = await sdkClient({ apiKey: key }).capsules.create({ name: "box" });
  const { commands } = capsule;
  await (await commands.exec("sh", ["-c", "exit 3"], { background: true, tag: "worker" })).wait();
  const sleeper = await commands.exec("sleep", ["600"], { background: true, tag: "sleeper" });
  const { code, stdout, stderr } = await cli(["kill", "box", "worker", "nobody", "sleeper"], { env });
  assert.deepEqual([code, stdout], [1, "sleeper was sent SIGKILL\n"], stderr);
  const nobody =
    "capsuled: There is no such process in this capsule: `capsuled ps box` lists those that run, `capsuled events --capsule box` tells of those that have ended.";
  const [worker = "", second, ...more] = stderr.split("\n");
  assert.match(worker, /^capsuled: The process "worker" has ended, \d+ s ago: exited with 3 \(sh -c exit 3\)\.$/);
  assert.deepEqual([second, more], [nobody, [""]]);
  await sleeper.wait();
  const again = await cli(["kill", "box", sleeper.id], { env });
  assert.match(again.stderr, /has ended, \d+ s ago: killed by SIGKILL \(137\) \(sleep 600\)\.\n$/);
  for (const args of [
    ["logs", "box", "nobody"],
    ["logs", "-f", "box", "nobody"],
    ["logs", "--stream", "stderr", "box", "nobody"],
  ])
    assert.deepEqual(await cli(args, { env }), { code: 1, stdout: "", stderr: `${nobody}\n` }, args.join(" "));
});

test("to take away an endpoint that is not there fails as with a capsule that is not there", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const capsule = await cli(["rm", "nobody"], { env });
  const endpoint = await cli(["endpoints", "rm", "nobody"], { env });
  assert.deepEqual([endpoint.code, endpoint.stdout], [capsule.code, ""]);
  assert.equal(endpoint.code, 1);
  assert.equal(endpoint.stderr, 'capsuled: There is no endpoint "nobody": `capsuled endpoints ls` lists those that there are.\n');
});

test("what is wrong is told in the command line's own words, with the command that mends it", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const dir = mkdtempSync(join(tmpdir(), "capsuled-cli-"));
  const said = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(args, { env });
    assert.notEqual(code, 0, args.join(" "));
    assert.equal(stdout, "");
    return stderr;
  };
  try {
    assert.equal(await said("create", "--memory", "7"), "capsuled: --memory must be at least 32\n");
    assert.match(await said("create", "--egress", "pypi.org,a_b"), /^capsuled: --egress, its entry 2, must be /);
    assert.match(await said("create", "--name", "cl-box"), /^capsuled: --name must not begin with cl-/);
    await using capsule = await sdkClient({ apiKey: key }).capsules.create({ name: "box" });
    assert.match(await said("exec", "box", "--", "ls -l"), /give its arguments as words of their own/);
    assert.match(await said("exec", "box", "--cwd", "/nope", "--", "ls"), /^capsuled: --cwd: .*in the capsule/);
    assert.match(await said("kill", "box", "nobody"), /`capsuled ps box` lists those that run, `capsuled events/);
    await capsule.pause();
    for (const args of [
      ["exec", "box", "--", "ls"],
      ["ps", "box"],
      ["cp", "box:/etc/hostname", dir],
    ])
      assert.match(await said(...args), /paused.*\. `capsuled resume box` lets it go on\.\n$/, args.join(" "));
    await capsule.resume();
    await capsule.stop();
    for (const args of [
      ["exec", "box", "--", "ls"],
      ["ps", "box"],
    ])
      assert.match(await said(...args), /stopped.*\. `capsuled boot box` boots it again from its disk\.\n$/, args.join(" "));
    // Those that are there are not spared by one that is not.
    const gone = await cli(["rm", "nobody", "box"], { env });
    assert.deepEqual([gone.code, gone.stdout], [1, "box destroyed\n"]);
    assert.match(gone.stderr, /^capsuled: There is no capsule "nobody"/);
    const file = join(dir, "e.yaml");
    writeFileSync(
      file,
      "version: 1\nendpoints:\n  - name: Bad Name\n    command: echo\n    colour: red\n  - name: ok\n    command: echo\n    timeout: 0\n",
    );
    const lines = (await said("endpoints", "apply", "-f", file)).trimEnd().split("\n");
    assert.equal(lines[0], "capsuled: the file is not right, and nothing was changed:");
    const places = [`${file}:3:11: endpoints[0].name: `, `${file}:5:5: endpoints[0].colour: `, `${file}:8:14: endpoints[1].timeout: `];
    assert.equal(lines.length, 1 + places.length, lines.join("\n"));
    for (const [at, place] of places.entries()) assert.ok(lines[at + 1]?.startsWith(place), lines[at + 1]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("a capsule that was destroyed is told as such by every command that takes its id", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const capsule = await sdkClient({ apiKey: key }).capsules.create();
  const ask = (...args: string[]): Promise<CliEnd> => cli(args, { env });
  assert.deepEqual(await ask("rm", capsule.id), { code: 0, stdout: `${capsule.id} destroyed\n`, stderr: "" });
  for (const args of [
    ["exec", capsule.id, "ls"],
    ["boot", capsule.id],
    ["halt", capsule.id],
    ["ps", capsule.id],
    ["cp", `${capsule.id}:x`, "."],
  ])
    assert.deepEqual(await ask(...args), { code: 1, stdout: "", stderr: "capsuled: This capsule was destroyed.\n" }, args.join(" "));
  assert.match((await ask("info", capsule.id)).stdout, /^status +stopped: it was destroyed$/m);
  assert.deepEqual(await ask("rm", capsule.id), { code: 0, stdout: `${capsule.id} was destroyed already\n`, stderr: "" });
});

test("a slip in a template's name, a run that had ended, an endpoint that is not there and a state that is there already are told as such", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const client = sdkClient({ apiKey: key });
  await using capsule = await client.capsules.create({ name: "box" });
  const ask = (...args: string[]): Promise<CliEnd> => cli(args, { env });
  for (const args of [
    ["create", "--template", "mnimal"],
    ["run", "--template", "mnimal", "true"],
  ])
    assert.deepEqual(await ask(...args), {
      code: 1,
      stdout: "",
      stderr: 'capsuled: There is no template named "mnimal"; did you mean minimal? `capsuled templates ls` lists them.\n',
    });
  for (const [command, state] of [
    ["boot", "running"],
    ["resume", "running"],
    ["pause", "paused"],
  ] as const) {
    if (command === "pause") await capsule.pause();
    assert.deepEqual(await ask(command, "box"), { code: 0, stdout: `box is ${state} already\n`, stderr: "" });
  }
  assert.equal((await ask("boot", "box")).code, 1, "it is paused, and so cannot be booted");
  await capsule.resume();
  const attached = await ask("logs", "box", "nobody");
  assert.match(attached.stderr, /`capsuled ps box` lists those that run, `capsuled events/);
  await client.endpoints.define("told", { command: "true", capsule: capsule.id });
  assert.deepEqual(await ask("runs", "--endpoint", "told"), { code: 0, stdout: "ID  ENDPOINT  STATUS  EXIT  SOURCE  BEGAN\n", stderr: "" });
  assert.deepEqual(await ask("runs", "--endpoint", "nope"), {
    code: 1,
    stdout: "",
    stderr: 'capsuled: There is no endpoint "nope": `capsuled endpoints ls` lists those that there are.\n',
  });
  const { run_id: run } = await client.endpoints.call("told");
  assert.deepEqual(await ask("runs", "cancel", run), { code: 0, stdout: `${run} had ended already: succeeded\n`, stderr: "" });
  const member = await client.keys.create({ role: "member" });
  const refused = await cli(["keys", "create"], { env: { CAPSULED_API_KEY: member.key } });
  assert.equal(refused.code, 77);
  assert.match(refused.stderr, /^capsuled: Only a key with the role admin can do that: .*from CAPSULED_API_KEY\.\n$/);
  const wrong = await ask("ls", "--key", "wrn_wrong");
  assert.deepEqual(
    [wrong.code, wrong.stderr.endsWith(" is from --key; a server's first key is in the file `admin-key` of its data directory.\n")],
    [77, true],
    wrong.stderr,
  );
  const { adminKey } = readState();
  const name = `Same ${run}`;
  const first = await cli(["teams", "create", name], { env: { CAPSULED_API_KEY: adminKey } });
  const second = await cli(["teams", "create", name], { env: { CAPSULED_API_KEY: adminKey } });
  assert.equal(first.stderr, "");
  assert.match(second.stderr, /^capsuled: this is another team of that name; there is one with the slug \S+\n$/);
  assert.match(
    (await cli(["teams", "create", "X", "--slug", "A"], { env: { CAPSULED_API_KEY: adminKey } })).stderr,
    /--slug must be 3 to 39 of/,
  );
});

test("of several files those that can be copied are, and each that cannot is named", async () => {
  const { key } = await newTeam();
  await using capsule = await sdkClient({ apiKey: key }).capsules.create({ name: "box" });
  const dir = mkdtempSync(join(tmpdir(), "capsuled-cli-"));
  try {
    for (const name of ["a", "b"]) writeFileSync(join(dir, name), name);
    const [a, b, none, gone] = ["a", "b", "none", "gone"].map((name) => join(dir, name)) as [string, string, string, string];
    const into = await cli(["cp", none, a, gone, b, "box:/workspace"], { env: { CAPSULED_API_KEY: key } });
    assert.deepEqual(
      [into.code, into.stdout, into.stderr],
      [1, "2 files\n", [none, gone].map((path) => `capsuled: ${path}: there is no such file or directory\n`).join("")],
    );
    const out = await cli(["cp", "box:/workspace/x", "box:/workspace/a", dir], { env: { CAPSULED_API_KEY: key } });
    assert.deepEqual([out.code, out.stdout], [1, "1 file\n"]);
    assert.match(out.stderr, /^capsuled: \/workspace\/x: there is no such file or directory in the capsule\n$/);
    assert.equal((await capsule.files.readText("/workspace/b")).length, 1);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
