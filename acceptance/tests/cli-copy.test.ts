import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cli, CLI, startCli } from "../harness/cli.ts";
import type { CliEnd } from "../harness/cli.ts";
import { sdkCapsule, sdkClient } from "../harness/sdk.ts";
import { newTeam } from "../harness/team.ts";

async function inDirectory(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-cli-"));
  try {
    await run(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("where the capsule's kernel takes no file, that is told with the path, and is no key's fault", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  await using capsule = await sdkClient({ apiKey: key }).capsules.create({ name: "box" });
  assert.ok(capsule.id);
  await inDirectory(async (dir) => {
    writeFileSync(join(dir, "file"), "x");
    const { code, stderr } = await cli(["cp", join(dir, "file"), "box:/proc/x"], { env });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^capsuled: \/proc\/x: [^\n]+\n$/);
  });
});

test("cp carries links as links, both ways, also those that lead out; what it leaves out it says", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  await using capsule = await sdkClient({ apiKey: key }).capsules.create();
  await inDirectory(async (dir) => {
    mkdirSync(join(dir, "in/below"), { recursive: true });
    writeFileSync(join(dir, "in/file"), "x");
    execFileSync("ln", [join(dir, "in/file"), join(dir, "in/below/same")]);
    symlinkSync("file", join(dir, "in/link"));
    symlinkSync("/etc/hostname", join(dir, "in/outside"));
    symlinkSync("nowhere", join(dir, "in/dangling"));
    execFileSync("mkfifo", [join(dir, "in/fifo")]);
    const there = await cli(["cp", join(dir, "in"), `${capsule.id}:/workspace/in`], { env });
    assert.deepEqual([there.code, there.stdout], [0, "2 files, 3 links\n"], there.stderr);
    assert.equal(there.stderr, "capsuled: left out: 1 special file\n");
    const seen = await capsule.commands.run(
      "cd /workspace/in && readlink link outside dangling && cat link below/same && stat -c %U:%G file link",
    );
    assert.equal(seen.stdout, "file\n/etc/hostname\nnowhere\nxxroot:root\nroot:root\n");
    (await capsule.commands.run("cd /workspace/in && ln -s ../../../../../etc far && mkfifo pipe && ln -s in /workspace/way")).orThrow();
    const back = await cli(["cp", "--json", `${capsule.id}:/workspace/way`, join(dir, "back")], { env });
    assert.deepEqual(JSON.parse(back.stdout), { files: 2, links: 4, bytes: 2, left_out: { special: 1 } });
    assert.equal(
      back.stderr,
      '{"note":"left out: 1 special file"}\n{"note":"2 links of the copy lead out of it, to files of this machine"}\n',
    );
    assert.deepEqual(
      ["link", "outside", "dangling", "far"].map((name) => readlinkSync(join(dir, "back", name))),
      ["file", "/etc/hostname", "nowhere", "../../../../../etc"],
    );
    assert.ok(lstatSync(join(dir, "back/below/same")).isFile());
    // What is a link here is not written through.
    const outside = join(dir, "elsewhere");
    mkdirSync(outside);
    mkdirSync(join(dir, "again"));
    symlinkSync(outside, join(dir, "again/below"));
    const refused = await cli(["cp", `${capsule.id}:/workspace/in/.`, join(dir, "again")], { env });
    assert.deepEqual([refused.code, readdirSync(outside)], [1, []]);
    assert.match(refused.stderr, /again\/below is a link here, which is not followed/);
  });
});

test("cp of one file is whole or not there; what cannot be read or written is said in a line", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  await using capsule = await sdkClient({ apiKey: key }).capsules.create({ name: "box" });
  await inDirectory(async (dir) => {
    (
      await capsule.commands.run(
        "head -c 3000000 /dev/urandom > /workspace/data && chmod 750 /workspace/data && ln -s data /workspace/link",
      )
    ).orThrow();
    const ask = (...args: string[]) => cli(["cp", ...args], { env });
    assert.equal((await ask("box:/workspace/link", join(dir, "there"))).stdout, "1 file\n");
    assert.equal(readFileSync(join(dir, "there")).length, 3_000_000);
    assert.equal(lstatSync(join(dir, "there")).mode & 0o777, 0o750);
    assert.deepEqual(readdirSync(dir), ["there"]);
    assert.equal((await ask("box:/workspace/data", "/dev/null")).code, 0);
    for (const [args, said] of [
      [["box:/workspace/none", dir], /^capsuled: \/workspace\/none: there is no such file or directory in the capsule\n$/],
      [["box:/dev/null", join(dir, "device")], /character device/],
      [["box:/workspace/data", join(dir, "no/such/place")], /^capsuled: .*no\/such: there is no such file or directory\n$/],
      [[join(dir, "absent"), "box:/workspace"], /^capsuled: .*absent: there is no such file or directory\n$/],
      [["box:/a", "box:/b"], /one of the two is in a capsule/],
    ] as const) {
      const { code, stderr } = await ask(...args);
      assert.notEqual(code, 0);
      assert.match(stderr, said);
      assert.doesNotMatch(stderr, /\n +at /);
    }
    assert.deepEqual(readdirSync(dir), ["there"]);
  });
});

test("a capsule is named by its id or by its name, in every command that takes one", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  const client = sdkClient({ apiKey: key });
  const name = "my box";
  await using capsule = await client.capsules.create({ name });
  const ask = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(args, { env });
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  assert.match(await ask("info", name), new RegExp(capsule.id));
  assert.equal(await ask("exec", name, "--", "echo", "hello"), "hello\n");
  const id = (await ask("exec", "-d", "--tag", "server", name, "--", "sh", "-c", "echo up; sleep 600")).trim();
  const follow = startCli(["logs", "-f", name, id], env);
  await follow.printed("up\n");
  assert.match(await ask("ps", name), /server/);
  assert.equal(await ask("logs", name, "server"), "up\n");
  await ask("kill", name, "server");
  await follow.ended;
  await inDirectory(async (dir) => {
    writeFileSync(join(dir, "file"), "x");
    await ask("cp", join(dir, "file"), `${name}:/workspace/`);
    await ask("cp", `${name}:/workspace/file`, join(dir, "back"));
    assert.equal(readFileSync(join(dir, "back"), "utf8"), "x");
  });
  const watch = startCli(["watch", `${name}:/workspace`], env);
  await watch.printed("watching");
  watch.child.kill("SIGINT");
  assert.equal((await watch.ended).code, 130);
  const forward = startCli(["forward", name, "0:3000"], env);
  await forward.printed("is port 3000");
  forward.child.kill("SIGINT");
  await forward.ended;
  assert.match(await ask("network", name), /egress/);
  await ask("ping", name);
  for (const command of ["pause", "resume", "halt", "boot"]) assert.match(await ask(command, name), /my box \w+/);
  await ask("snapshot", name, "--name", "kept");
  await ask("templates", "rm", "kept");
  const forked = (await ask("fork", name)).trim();
  await ask("rm", forked);
  assert.match(await ask("events", "--capsule", name, "--limit", "1"), new RegExp(capsule.id));
  assert.match((await cli(["shell", name], { env })).stderr, /needs a terminal/);
  assert.equal(await ask("rm", name), "my box destroyed\n");
  const none = await cli(["info", name], { env });
  assert.deepEqual([none.code, none.stdout], [1, ""]);
});

test("a directory is copied again over what an earlier copy left, into the same one or its contents into another that is there", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  await using capsule = await sdkClient({ apiKey: key }).capsules.create();
  await inDirectory(async (dir) => {
    mkdirSync(join(dir, "proj"));
    writeFileSync(join(dir, "proj/file"), "one");
    const copy = async (from: string, to: string): Promise<void> => {
      const { code, stderr } = await cli(["cp", `${dir}/${from}`, `${capsule.id}:${to}`], { env });
      assert.equal(code, 0, stderr);
    };
    await copy("proj", "/workspace");
    (await capsule.commands.run("echo stays > /workspace/proj/other")).orThrow();
    writeFileSync(join(dir, "proj/file"), "two");
    await copy("proj", "/workspace");
    await copy("proj/.", "/srv");
    const seen = await capsule.commands.run("cat /workspace/proj/file /workspace/proj/other /srv/file");
    assert.equal(seen.stdout, "twostays\ntwo");
    const onFile = await cli(["cp", join(dir, "proj"), `${capsule.id}:/srv/file`], { env });
    assert.notEqual(onFile.code, 0);
  });
});

test("- is standard input and output: a file's bytes, and a directory as a tar archive", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  await using capsule = await sdkClient({ apiKey: key }).capsules.create({ name: "box" });
  const there = await cli(["cp", "-", "box:/workspace/hello"], { env, stdin: "hello\n" });
  assert.deepEqual([there.code, there.stdout], [0, "1 file\n"], there.stderr);
  const back = await cli(["cp", "box:/workspace/hello", "-"], { env });
  assert.deepEqual([back.code, back.stdout, back.stderr], [0, "hello\n", ""]);
  await inDirectory(async (dir) => {
    mkdirSync(join(dir, "in/below"), { recursive: true });
    writeFileSync(join(dir, "in/file"), "one");
    writeFileSync(join(dir, "in/below/other"), "two");
    const program = `${process.execPath} ${CLI}`;
    const shell = async (line: string): Promise<CliEnd> => startCli([line], env, ["bash", "-o", "pipefail", "-c"]).ended;
    const packed = await shell(`tar -C ${dir}/in -c . | ${program} cp - box:/srv/new/`);
    assert.equal(packed.code, 0, packed.stderr);
    assert.equal((await capsule.commands.run("cat /srv/new/file /srv/new/below/other")).stdout, "onetwo");
    mkdirSync(join(dir, "out"));
    const unpacked = await shell(`${program} cp box:/srv/new - | tar -C ${dir}/out -x`);
    assert.deepEqual([unpacked.code, unpacked.stdout, unpacked.stderr], [0, "", ""]);
    assert.equal(readFileSync(join(dir, "out/below/other"), "utf8"), "two");
    // What is no text comes as it went.
    (await capsule.commands.run("head -c 3000000 /dev/urandom > /srv/bytes")).orThrow();
    const bytes = await shell(`${program} cp box:/srv/bytes - | sha256sum`);
    assert.equal(bytes.stdout.split(" ")[0], (await capsule.commands.run("sha256sum /srv/bytes")).stdout.split(" ")[0]);
  });
  for (const [args, said, stdin] of [
    [["-", "box:/srv"], /\/srv is a directory, which takes a tar archive from standard input/, "no archive"],
    [["--json", "box:/srv/bytes", "-"], /leave out --json/, ""],
    [["-", "box:/a", "box:/b"], /one of the two is in a capsule/, ""],
    [["-", "-", "box:/b"], /- stands for one file/, ""],
  ] as const) {
    const { code, stdout, stderr } = await cli(["cp", ...args], { env, stdin });
    assert.notEqual(code, 0, args.join(" "));
    assert.equal(stdout, "");
    assert.match(stderr, said);
  }
});

test("cp of standard input holds no more than pieces of it in memory", async () => {
  await using capsule = await sdkCapsule();
  const run = startCli(["cp", "-", `${capsule.id}:/workspace/big`]);
  const piece = Buffer.alloc(1024 * 1024, 1);
  for (let sent = 0; sent < 300; sent += 1) if (!run.child.stdin.write(piece)) await once(run.child.stdin, "drain");
  const peakKib = Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${run.child.pid}/status`, "utf8"))?.[1]);
  run.child.stdin.end();
  assert.equal((await run.ended).code, 0);
  assert.equal((await capsule.files.stat("/workspace/big")).size, 300 * piece.length);
  assert.ok(peakKib < 250 * 1024, `${peakKib} KiB`);
});

test("cp takes several sources into a directory, and -r as others do; what is missing is named as it was given", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  await using capsule = await sdkClient({ apiKey: key }).capsules.create({ name: "box" });
  await inDirectory(async (dir) => {
    mkdirSync(join(dir, "d"));
    for (const name of ["a", "b", "d/c"]) writeFileSync(join(dir, name), name);
    const ask = (...args: string[]) => cli(["cp", ...args], { env });
    const there = await ask("-r", join(dir, "a"), join(dir, "b"), join(dir, "d"), "box:/workspace");
    assert.deepEqual([there.code, there.stdout], [0, "3 files\n"], there.stderr);
    assert.equal((await capsule.commands.run("cd /workspace && cat a b d/c")).stdout, "abd/c");
    mkdirSync(join(dir, "out"));
    assert.equal((await ask("box:/workspace/a", "box:/workspace/d", join(dir, "out"))).stdout, "2 files\n");
    assert.deepEqual(readdirSync(join(dir, "out")), ["a", "d"]);
    (await capsule.commands.run("ln -s a /workspace/link")).orThrow();
    assert.equal((await ask("box:/workspace/link", join(dir, "out"))).code, 0);
    assert.ok(lstatSync(join(dir, "out/link")).isFile());
    for (const [args, said] of [
      [["box:/workspace/a", join(dir, "none/")], `${dir}/none/: there is no such directory here`],
      [["box:/workspace/a", join(dir, "none/x")], `${dir}/none: there is no such file or directory`],
      [
        ["box:/workspace/a", "box:/workspace/b", join(dir, "none")],
        `${dir}/none: there is no such directory here, and several files go into one`,
      ],
      [[join(dir, "a"), join(dir, "b"), "box:/none"], "/none: there is no such directory in the capsule, and several files go into one"],
      [[join(dir, "a"), "box:/workspace/b/x"], "/workspace/b/x: is no directory"],
    ] as const) {
      const { code, stdout, stderr } = await ask(...args);
      assert.deepEqual([code, stdout], [1, ""], args.join(" "));
      assert.ok(stderr.startsWith(`capsuled: ${said}`), stderr);
    }
  });
});
