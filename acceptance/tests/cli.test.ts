import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { schemas } from "capsuled";
import { cli, CLI, startCli } from "../harness/cli.ts";
import { programEntries } from "../harness/image-build.ts";
import { imageOf, layoutArchive } from "../harness/image.ts";
import { sdkCapsule, sdkClient } from "../harness/sdk.ts";
import { tarOf } from "../harness/tar.ts";
import { newTeam } from "../harness/team.ts";
import { versionProxy } from "../harness/version-proxy.ts";
import { waitUntil } from "../harness/wait.ts";

/** The server's capsules that are there, by their ids. */
async function capsules(): Promise<string[]> {
  const found: string[] = [];
  for await (const { id } of sdkClient().capsules.list()) found.push(id);
  return found;
}

test("run passes on output, errors and the exit code of a command in a capsule of its own, which is gone after it", async () => {
  const { code, stdout, stderr } = await cli(["run", "--", "sh", "-c", "echo out; echo err >&2; exit 5"]);
  assert.deepEqual([code, stdout, stderr], [5, "out\n", "err\n"]);
  assert.deepEqual(await capsules(), []);
});

test("run -i passes standard input on, byte by byte", async () => {
  assert.equal((await cli(["run", "-i", "--", "tr", "a-z", "A-Z"], { stdin: "hello\n" })).stdout, "HELLO\n");
});

test("Ctrl-C asks the command to end, and its exit code is passed on; its capsule is gone after it", async () => {
  const run = startCli(["run", "--", "sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"]);
  await run.printed("up");
  run.child.kill("SIGINT");
  const { code, stdout } = await run.ended;
  assert.deepEqual([code, stdout], [3, "up\nbye\n"]);
  assert.deepEqual(await capsules(), []);
});

test("Ctrl-C twice leaves at once with 130", async () => {
  await using capsule = await sdkCapsule();
  const run = startCli(["exec", capsule.id, "--", "sh", "-c", "trap 'echo no' TERM; echo up; while :; do sleep 0.05; done"]);
  await run.printed("up");
  run.child.kill("SIGINT");
  await run.printed("no");
  run.child.kill("SIGINT");
  assert.equal((await run.ended).code, 130);
});

test("output that is no text arrives as it is, and a reader that has had enough ends the program quietly", async () => {
  await using capsule = await sdkCapsule();
  const run = startCli(["exec", capsule.id, "--", "sh", "-c", "printf '\\377\\000'; yes"]);
  const first = new Promise<Buffer>((done) =>
    run.child.stdout.setEncoding("latin1").once("data", (text: string) => done(Buffer.from(text, "latin1"))),
  );
  assert.deepEqual([...(await first).subarray(0, 2)], [255, 0]);
  run.child.stdout.destroy();
  const { code, stderr } = await run.ended;
  assert.deepEqual([code, stderr], [0, ""]);
});

test("create, ls, exec, logs, ps, kill, pause, resume, rm: a capsule's life", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const ask = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(args, { env });
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const id = (await ask("create", "--name", "box", "--memory", "256", "--label", "a=b", "-e", "X=y")).trim();
  assert.match(await ask("ls"), /^ID +NAME +STATUS[^\n]*\ncl-\w+ +box +running +minimal +256 MiB/);
  const listed = JSON.parse(await ask("ls", "--json", "--label", "a=b")) as schemas.Capsule[];
  assert.deepEqual(
    listed.map((one) => [one.id, one.status]),
    [[id, "running"]],
  );
  assert.equal(await ask("exec", id, "--", "sh", "-c", "echo $X"), "y\n");
  const process = (await ask("exec", "-d", "--tag", "counter", id, "--", "sh", "-c", "echo one; exec sleep 600")).trim();
  const follow = startCli(["logs", "-f", id, process], env);
  await follow.printed("one\n");
  assert.match(await ask("ps", id), /counter +pr-/);
  await ask("kill", id, "counter");
  assert.equal((await follow.ended).stdout, "one\n");
  assert.equal(await ask("pause", id), `${id} paused\n`);
  assert.equal(await ask("resume", id), `${id} running\n`);
  await ask("rm", id);
  assert.deepEqual((await capsules()).includes(id), false);
});

test("endpoints are applied, called and listed; a call's lines and exit code are passed on", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const dir = mkdtempSync(join(tmpdir(), "capsuled-cli-"));
  try {
    const file = join(dir, "capsuled.yaml");
    writeFileSync(
      file,
      "version: 1\nendpoints:\n  - name: greet\n    command: \"sh -c 'echo hello $0; echo warn >&2; exit 4' {{name}}\"\n    args: [{ name: name, required: true }]\n",
    );
    assert.match((await cli(["endpoints", "apply", "-f", file, "--dry-run"], { env })).stdout, /create +greet\nnothing was changed/);
    assert.match((await cli(["endpoints", "apply", "-f", file], { env })).stdout, /create +greet/);
    const { code, stdout, stderr } = await cli(["endpoints", "call", "greet", "name=world"], { env });
    assert.deepEqual([code, stdout, stderr], [4, "hello world\n", "warn\n"]);
    const [run] = JSON.parse((await cli(["runs", "--json"], { env })).stdout) as schemas.Run[];
    assert.deepEqual([run?.endpoint, run?.exit_code], ["greet", 4]);
    assert.equal((await cli(["runs", "logs", run?.id ?? ""], { env })).stdout, "hello world\n");
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("watch says what changes, in JSON too, up to the directory's end", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  await using capsule = await sdkClient({ apiKey: key }).capsules.create();
  const { files } = capsule;
  await files.makeDirectory("/workspace/seen/below");
  const place = `${capsule.id}:/workspace/seen`;
  const [people, programs] = [startCli(["watch", "-r", place], env), startCli(["watch", "--json", place], env)];
  await Promise.all([people.printed("watching 2 directories\n"), programs.printed('"watching"')]);
  await files.write("/workspace/seen/below/line\nbreak", "x");
  await files.write("/workspace/seen/a", "x");
  await files.move("/workspace/seen/a", "/workspace/seen/b");
  await Promise.all([people.printed("/workspace/seen/b\n"), programs.printed("renamed")]);
  await files.remove("/workspace/seen");
  const [said, told] = await Promise.all([people.ended, programs.ended]);
  assert.deepEqual([said.code, told.code], [0, 0], said.stderr + told.stderr);
  for (const line of [
    "created             /workspace/seen/below/line break",
    "renamed             /workspace/seen/a -> /workspace/seen/b",
    "ended: removed",
  ])
    assert.ok(said.stdout.split("\n").includes(line), said.stdout);
  const types = told.stdout
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { readonly type: string }).type);
  assert.deepEqual([types[0], types.at(-1)], ["watching", "ended"]);
  const none = await cli(["watch", place], { env });
  assert.deepEqual([none.code, none.stdout], [1, ""]);
});

test("cp copies files and directories both ways; snapshot, templates and fork", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const client = sdkClient({ apiKey: key });
  await using capsule = await client.capsules.create();
  const dir = mkdtempSync(join(tmpdir(), "capsuled-cli-"));
  const ask = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(args, { env });
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  try {
    const bytes = randomBytes(2_000_000);
    mkdirSync(join(dir, "project/deep"), { recursive: true });
    writeFileSync(join(dir, "project/data"), bytes, { mode: 0o640 });
    writeFileSync(join(dir, "project/deep/run.sh"), "#!/bin/sh\necho ran\n", { mode: 0o755 });
    assert.equal(await ask("cp", join(dir, "project"), `${capsule.id}:/workspace`), "2 files\n");
    assert.equal((await capsule.commands.run("/workspace/project/deep/run.sh")).stdout, "ran\n");
    assert.equal(await ask("cp", `${capsule.id}:/workspace/project`, join(dir, "back")), "2 files\n");
    assert.ok(readFileSync(join(dir, "back/data")).equals(bytes));
    assert.equal(readFileSync(join(dir, "back/deep/run.sh"), "utf8"), "#!/bin/sh\necho ran\n");
    await ask("cp", `${capsule.id}:/workspace/project/data`, dir);
    assert.ok(readFileSync(join(dir, "data")).equals(bytes));
    assert.equal(await ask("snapshot", capsule.id, "--name", "by-cli"), "by-cli\n");
    assert.match(await ask("templates", "ls"), /by-cli +snapshot/);
    const fork = (await ask("fork", capsule.id)).trim();
    assert.equal((await (await client.capsules.connect(fork)).commands.run("cat /workspace/project/deep/run.sh")).exit_code, 0);
    await ask("rm", fork);
    await ask("templates", "rm", "by-cli");
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("an image archive is uploaded from a file or standard input, a template is built of it, and it is gone after that", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const dir = mkdtempSync(join(tmpdir(), "capsuled-cli-"));
  const archive = join(dir, "image.tar");
  writeFileSync(archive, layoutArchive(imageOf({ layers: [tarOf(programEntries(["sh"]))], config: { Env: ["PATH=/bin", "OF=image"] } })));
  try {
    const kept = await cli(["images", "upload", archive], { env });
    assert.match(kept.stdout, /^im-\w+\n$/, kept.stderr);
    assert.equal((await cli(["images", "rm", kept.stdout.trim()], { env })).stdout, `${kept.stdout.trim()} is removed\n`);
    const build = startCli(["templates", "build", "--name", "imaged", "--image-archive", "-"], env);
    build.child.stdin.end(readFileSync(archive));
    const built = await build.ended;
    assert.deepEqual([built.code, built.stdout], [0, "imaged\n"], built.stderr);
    assert.equal((await cli(["run", "--template", "imaged", "--", "sh", "-c", "echo $OF"], { env })).stdout, "image\n");
    assert.equal((await cli(["images", "rm", kept.stdout.trim()], { env })).code, 1, "the build's archive is not kept");
    const none = await cli(["images", "upload", "-"], { env, stdin: "no archive" });
    assert.deepEqual([none.code, none.stdout], [1, ""]);
    assert.equal((await cli(["templates", "build", "--name", "x"], { env })).code, 64);
    assert.equal((await cli(["templates", "rm", "imaged"], { env })).code, 0);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("events -f tells what happens until Ctrl-C", async () => {
  const { key } = await newTeam();
  const run = startCli(["events", "-f", "--json"], { CAPSULED_API_KEY: key });
  const client = sdkClient({ apiKey: key });
  // It follows from now on; `now` is when the server has it.
  const made: string[] = [];
  await waitUntil(
    async () => {
      const capsule = await client.capsules.create();
      made.push(capsule.id);
      await capsule.destroy();
      return Promise.race([
        run.printed("capsule.destroyed").then(() => true),
        new Promise<undefined>((done) => setTimeout(() => done(undefined), 500)),
      ]);
    },
    { what: "an event that is told", timeoutMs: 60_000 },
  );
  run.child.kill("SIGINT");
  const { code, stdout } = await run.ended;
  assert.equal(code, 130);
  for (const line of stdout.trim().split("\n")) assert.ok(made.includes((JSON.parse(line) as schemas.Event).capsule_id));
});

/** A port of this machine on which nobody listens: one that was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await once(server.close(), "close");
  if (address === null || typeof address === "string") throw new Error("the listener had no port");
  return address.port;
}

test("errors say what to do, and exit codes say what kind they are", async () => {
  const cases: readonly [readonly string[], Readonly<Record<string, string>>, number, RegExp][] = [
    [["ls"], { CAPSULED_URL: "http://127.0.0.1:9" }, 69, /No server answers at .*bad port.*CAPSULED_URL/],
    [["ls"], { CAPSULED_URL: `http://127.0.0.1:${await closedPort()}` }, 69, /No server answers at .*CAPSULED_URL/],
    [["ls"], { CAPSULED_API_KEY: `wrn_${"0".repeat(40)}` }, 77, /CAPSULED_API_KEY/],
    [["ls"], { CAPSULED_API_KEY: "", CAPSULED_URL: "http://example.invalid" }, 77, /There is no API key/],
    [["ls"], { CAPSULED_URL: "nonsense" }, 78, /is not a URL/],
    [["info", "cl-none"], {}, 1, /There is no capsule/],
    [["exec", "cl-none", "--", "true"], {}, 1, /There is no capsule/],
    [["run"], {}, 64, /capsuled run echo hello/],
    [["run", "--template", "no-such", "--", "true"], {}, 1, /template/],
    [["bogus"], {}, 64, /capsuled --help/],
    [["endpoints"], {}, 64, /capsuled endpoints ls/],
    [["run", "-t", "--", "sh"], {}, 64, /needs a terminal/],
    [["run", "--", "no-such-program"], {}, 127, /not found/],
    [["run", "--timeout", "1", "--", "sleep", "60"], {}, 124, /ended by SIGKILL \(timed_out\)/],
  ];
  for (const [args, env, code, said] of cases) {
    const end = await cli(args, { env });
    assert.deepEqual([end.code, end.stdout], [code, ""], `${args.join(" ")}: ${end.stderr}`);
    assert.match(end.stderr, said);
    assert.doesNotMatch(end.stderr, /\n\s+at /, "no stack");
  }
});

test("info, halt, boot, ping, network and events of a capsule", async () => {
  await using capsule = await sdkCapsule();
  const ask = async (...args: string[]): Promise<string> => (await cli(args)).stdout;
  assert.match(await ask("info", capsule.id), /status +running/);
  assert.equal(await ask("halt", capsule.id), `${capsule.id} stopped\n`);
  assert.equal(await ask("boot", capsule.id), `${capsule.id} running\n`);
  assert.equal(await ask("ping", capsule.id), `${capsule.id} noted\n`);
  assert.match(await ask("network", capsule.id, "--set", "none"), /egress +none/);
  assert.match(await ask("events", "--capsule", capsule.id), /capsule\.stopped[\s\S]*capsule\.created/);
});

test("--version and doctor say the program's version and the server's; one that does not know what is asked for is told of", async () => {
  const own = /^capsuled {2}(\S+)\n/.exec((await cli(["--version"])).stdout)?.[1] ?? "";
  assert.deepEqual(JSON.parse((await cli(["--version", "--json"])).stdout), {
    version: own,
    server: { url: sdkClient().url, version: own },
  });
  const none = await cli(["--version"], { env: { CAPSULED_URL: "http://127.0.0.1:59998" } });
  assert.deepEqual([none.code, none.stdout], [0, `capsuled  ${own}\nserver    none answers at http://127.0.0.1:59998\n`]);
  await using older = await versionProxy("0.0.9", /^\/v1\/images/);
  const env = { CAPSULED_URL: older.url };
  const { code, stderr } = await cli(["images", "rm", "im-a"], { env });
  assert.equal(code, 69);
  assert.match(stderr, /0\.0\.9 and this SDK of .*\ncapsuled: The server at \S+ is of version 0\.0\.9 and does not know `deleteImage`/);
  assert.match((await cli(["doctor"], { env })).stdout, new RegExp(`warn {2}versions .*0\\.1\\.0\\n *→ update the server`));
});

test("doctor looks at server, key and host", async () => {
  const { code, stdout } = await cli(["doctor"]);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /ok +OCI runtime +(?:crun|runc)[\s\S]*ok +agent[\s\S]*ok +server +http[^\n]*version \d[\s\S]*ok +key/);
});

test("shell is a real terminal: size, keys, leaving with Ctrl-] and coming back", async () => {
  await using capsule = await sdkCapsule();
  const inTerminal = (...args: string[]): ReturnType<typeof startCli> =>
    startCli([], {}, ["script", "-qefc", `stty rows 33 cols 99; ${[process.execPath, CLI, ...args].join(" ")}`, "/dev/null"]);
  const first = inTerminal("shell", capsule.id, "--", "sh");
  await first.printed("# ");
  first.child.stdin.write("stty size; X=kept\r");
  await first.printed("33 99");
  first.child.stdin.write("\u001d");
  const left = await first.ended;
  assert.equal(left.code, 0);
  const tag = /--attach (pty-\w+)/.exec(left.stdout)?.[1] ?? "";
  const second = inTerminal("shell", capsule.id, "--attach", tag);
  await second.printed("33 99");
  second.child.stdin.write("echo $X; exit 6\r");
  const end = await second.ended;
  assert.match(end.stdout, /kept/);
  assert.equal(end.code, 6);
});

test("templates build follows the log of a recipe's build, plain where nobody looks, and its exit code tells how it ended", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const dir = mkdtempSync(join(tmpdir(), "capsuled-recipe-"));
  try {
    writeFileSync(join(dir, "app.txt"), "from a file of this machine\n");
    const recipe = join(dir, "recipe.yaml");
    writeFileSync(recipe, "name: built\nmemory_mb: 96\nfiles:\n  - {path: /srv/app.txt, source: app.txt}\nsteps:\n  - cat /srv/app.txt\n");
    const made = await cli(["templates", "build", "-f", recipe], { env });
    assert.deepEqual([made.code, made.stdout], [0, "built\n"], made.stderr);
    assert.match(
      made.stderr,
      /^started 1 {2}write 1 file\ndone {4}1 [^\n]*\nstarted 2 {2}cat [^\n]*\nfrom a file of this machine\ndone {4}2/,
    );
    assert.match((await cli(["templates", "ls"], { env })).stdout, /built +snapshot/);
    const json = await cli(["templates", "build", "-f", recipe, "--name", "other", "--json"], { env });
    const entries = json.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as schemas.BuildLogEntry);
    assert.deepEqual([json.code, entries.at(-1)?.type], [0, "end"]);
    assert.equal((await cli(["templates", "build", "-f", recipe], { env })).code, 1, "its name is taken");
    writeFileSync(recipe, "name: broken\nmemory_mb: 96\nsteps: ['echo why; exit 3']\n");
    const broken = await cli(["templates", "build", "-f", recipe], { env });
    assert.deepEqual([broken.code, broken.stdout], [1, ""]);
    assert.match(broken.stderr, /why\nfailed {2}1 [^]*Step 1 ended with exit code 3/);
    writeFileSync(recipe, "name: endless\nmemory_mb: 96\nsteps: ['echo up; sleep 1000']\n");
    const begun = await cli(["templates", "build", "-f", recipe, "-d"], { env });
    assert.match(begun.stdout, /^bd-[0-9a-z]{25}\n$/);
    const id = begun.stdout.trim();
    const logs = cli(["templates", "logs", id], { env });
    await sdkClient({ apiKey: key }).templates.cancelBuild(id);
    assert.equal((await logs).code, 130);
    const missing = await cli(["templates", "build", "-f", join(dir, "absent.yaml")], { env });
    assert.notEqual(missing.code, 0);
    writeFileSync(recipe, "- no\n- recipe\n");
    assert.equal((await cli(["templates", "build", "-f", recipe], { env })).code, 64);
    assert.equal((await cli(["templates", "rm", "built", "other"], { env })).code, 0);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
