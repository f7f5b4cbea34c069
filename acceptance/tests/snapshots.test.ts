import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call, expectCall, expectError, property } from "../harness/call.ts";
import { capsuleOf, newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { restart } from "../harness/restart.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule({ memory_mb: 96, disk_mb: 64, vcpus: 1 });
});
after(() => capsule[Symbol.asyncDispose]());

const named = (name: string) => ({ params: { name } });
const newName = (): string => `t-${randomBytes(6).toString("hex")}`;
const onHost = (): readonly string[] => readdirSync(join(readState().dataDir, "store/snapshots")).toSorted();
const names = async (query: Record<string, string> = {}): Promise<readonly string[]> =>
  (await expectCall("listSnapshots", 200, { query })).map(({ name }) => name);

test("a capsule of a snapshot has the files of its disk, deletions, owners and modes included, and none of its processes", async () => {
  const name = newName();
  await capsule.sh("mkdir -p /srv/app && echo v1 > /srv/app/version && chmod 640 /srv/app/version && chown 1000:1000 /srv/app/version");
  await capsule.sh(
    "rm /etc/motd 2> /dev/null; rm /etc/issue; ln /srv/app/version /srv/app/same; printf '#!/bin/sh\\necho ran' > /usr/local/bin/tool; chmod +x /usr/local/bin/tool",
  );
  await capsule.background({ cmd: "sleep", args: ["1000"], tag: "stays" });
  const made = await expectCall("createSnapshot", 201, { body: { sandbox_id: capsule.id, name } });
  assert.deepEqual([made.name, made.type, made.platform, made.memory_mb, made.disk_mb, made.vcpus], [name, "snapshot", false, 96, 64, 1]);
  assert.ok(made.size_bytes > 0 && made.size_bytes < 64 * 1024 * 1024);
  assert.ok((await names({ type: "snapshot" })).includes(name));
  assert.ok(
    (await capsule.processes()).some(({ tag }) => tag === "stays"),
    "the source's processes go on",
  );

  await capsule.sh("echo v2 > /srv/app/version");
  await using like = await newCapsule({ template: name });
  assert.deepEqual([like.created.template, like.created.memory_mb, like.created.disk_mb], [name, 96, 64]);
  const { stdout } = await like.sh("cat /srv/app/version; stat -c '%a %u %g %h' /srv/app/same; ls /etc/issue 2> /dev/null; tool");
  assert.equal(stdout, "v1\n640 1000 1000 2\nran\n");
  assert.deepEqual(
    (await like.processes()).filter(({ tag }) => tag !== ""),
    [],
  );
  await like.sh("echo own > /srv/app/version");
  assert.equal((await capsule.sh("cat /srv/app/version")).stdout, "v2\n");
  await expectCall("deleteSnapshot", 204, named(name));
});

test("a template that is deleted is gone at once, and a capsule of it goes on, through stop and start too", async () => {
  const name = newName();
  const before = onHost();
  await capsule.sh("echo kept > /root/of-template");
  await expectCall("createSnapshot", 201, { body: { capsule_id: capsule.id, name } });
  await using like = await newCapsule({ template: name });
  await expectCall("deleteSnapshot", 204, named(name));
  await expectError("deleteSnapshot", "not_found", named(name));
  await expectError("createCapsule", "not_found", { body: { template: name } });
  assert.ok(!(await names()).includes(name));
  assert.equal((await like.sh("cat /root/of-template")).stdout, "kept\n");
  await expectCall("stopCapsule", 200, { params: { id: like.id } });
  await expectCall("startCapsule", 200, { params: { id: like.id }, body: { wait_ms: 30_000 } });
  assert.equal((await like.sh("cat /root/of-template")).stdout, "kept\n");
  assert.deepEqual(onHost(), before, "nothing is left of it on the host");
});

test("the source is then in the state it was in, and its output has no hole", { timeout: 60_000 }, async () => {
  await using source = await newCapsule();
  const counter = await source.background({
    cmd: "sh",
    args: ["-c", "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; sleep 1000"],
  });
  const taken: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const name = newName();
    await expectCall("createSnapshot", 201, { body: { capsule_id: source.id, name } });
    taken.push(name);
  }
  assert.equal((await source.get()).status, "running");
  const expected = Array.from({ length: 3000 }, (_, n) => `${n}\n`).join("");
  const output = await waitUntil(
    async () => {
      const page = await expectCall("getProcessOutput", 200, { params: { id: source.id, selector: counter.id } });
      return page.total >= expected.length ? page : undefined;
    },
    { what: "all lines" },
  );
  assert.equal(output.data, expected);
  await source.pause();
  const name = newName();
  await expectCall("createSnapshot", 201, { body: { capsule_id: source.id, name } });
  taken.push(name);
  assert.equal((await source.get()).status, "paused");
  await source.resume();
  assert.equal((await source.sh("echo on")).stdout, "on\n");
  await expectCall("stopCapsule", 200, { params: { id: source.id } });
  await expectError("createSnapshot", "invalid_state", { body: { capsule_id: source.id } });
  for (const one of taken) await expectCall("deleteSnapshot", 204, named(one));
});

test("a snapshot and a fork are of one moment: two files that are written in turns agree in them, and their writer goes on", async () => {
  await using source = await newCapsule({ disk_mb: 128 });
  // The first and the last in the order of names, with much to copy between them.
  await source.sh("mkdir /root/pair && head -c 48M /dev/urandom > /root/pair/m-between");
  const writer = `import os, time
first, last = (os.open("/root/pair/"+name, os.O_CREAT|os.O_WRONLY|os.O_APPEND) for name in ("a-first", "z-last"))
n = 0
while n < 3_000_000:
  for fd in (first, last): os.write(fd, b"%09d\\n" % n)
  n += 1
  if n % 20 == 0: time.sleep(0.0005)`;
  await source.background({ cmd: "python3", args: ["-c", writer] });
  await source.sh("until [ -s /root/pair/z-last ]; do sleep 0.01; done");
  const check = `import os
a, z = (open("/root/pair/"+name,"rb").read() for name in ("a-first", "z-last"))
lines = len(a)//10
whole = b"".join(b"%09d\\n" % n for n in range(lines))
print(lines, len(z)//10, a == whole and z == whole[:len(z)] and len(z) % 10 == 0)`;
  const seen: number[] = [];
  const agrees = async (like: TestCapsule): Promise<void> => {
    const { stdout, stderr } = await like.python(check);
    const [first = "", last = "", whole] = stdout.trim().split(" ");
    assert.equal(whole, "True", `${stdout}${stderr}`);
    assert.ok([0, 1].includes(Number(first) - Number(last)), `${first} records in the one, ${last} in the other`);
    seen.push(Number(first));
  };
  for (let count = 0; count < 2; count += 1) {
    const name = newName();
    await expectCall("createSnapshot", 201, { body: { capsule_id: source.id, name } });
    await using like = await newCapsule({ template: name });
    await agrees(like);
    await expectCall("deleteSnapshot", 204, named(name));
    const { capsules } = await expectCall("forkCapsule", 201, { params: { id: source.id }, body: { wait_ms: 60_000 } });
    for (const one of capsules) {
      await using made = capsuleOf(one);
      await agrees(made);
    }
  }
  assert.ok(
    seen.every((records, nth) => nth === 0 || records > (seen[nth - 1] ?? 0)),
    `it wrote on between them: ${seen.join(" ")}`,
  );
});

test("what a snapshot and a fork have of their source's disk is not copied: its blocks are theirs too", async () => {
  await using source = await newCapsule({ disk_mb: 64 });
  const name = newName();
  const before = onHost();
  await source.sh("head -c 24M /dev/urandom > /root/large; sync");
  await expectCall("createSnapshot", 201, { body: { capsule_id: source.id, name } });
  const [snapshot = ""] = onHost().filter((entry) => /^tp-[0-9a-z]{25}$/.test(entry) && !before.includes(entry));
  await using like = await newCapsule({ template: name });
  const { capsules } = await expectCall("forkCapsule", 201, { params: { id: source.id }, body: { wait_ms: 60_000 } });
  const store = join(readState().dataDir, "store");
  /** Bytes of the file in a disk, and those of them that nothing else has. */
  const bytesIn = (disk: string): readonly number[] => {
    const out = execFileSync("btrfs", ["filesystem", "du", "--raw", join(store, disk, "u/root/large")], { encoding: "utf8" });
    return (out.trim().split("\n").at(-1) ?? "").trim().split(/\s+/).slice(0, 2).map(Number);
  };
  const disks = [`snapshots/${snapshot}`, ...[source, like, ...capsules].map(({ id }) => `capsules/${id}`)];
  for (const disk of disks) assert.deepEqual(bytesIn(disk), [24 << 20, 0], disk);
  await like.sh("head -c 24M /dev/urandom > /root/large; sync");
  assert.deepEqual(bytesIn(`capsules/${like.id}`), [24 << 20, 24 << 20], "the control: what it writes is its own");
  assert.deepEqual(bytesIn(`capsules/${source.id}`), [24 << 20, 0]);
  for (const one of capsules) await capsuleOf(one)[Symbol.asyncDispose]();
  await expectCall("deleteSnapshot", 204, named(name));
});

test("names: taken, overwritten, reserved, malformed; left out, one is made", async () => {
  const body = { capsule_id: capsule.id };
  const name = newName();
  await capsule.sh("echo one > /root/which");
  await expectCall("createSnapshot", 201, { body: { ...body, name } });
  await expectError("createSnapshot", "template_name_taken", { body: { ...body, name } });
  await expectError("createSnapshot", "name_reserved", { body: { ...body, name: "minimal" } });
  await expectError("deleteSnapshot", "forbidden", named("minimal"));
  for (const bad of ["", "-x", "a b", "a\nb", "a\0b", "../etc", "x".repeat(65), "x".repeat(4096)])
    await expectError("createSnapshot", "invalid_request", { body: { ...body, name: bad } });
  await expectError("deleteSnapshot", "invalid_request", named("a b"));
  await expectError("createSnapshot", "invalid_request", { body: {} });
  await expectError("createSnapshot", "not_found", { body: { sandbox_id: "cl-nonsense" } });
  await capsule.sh("echo two > /root/which");
  await expectCall("createSnapshot", 201, { body: { ...body, name }, query: { overwrite: "true" } });
  const holds = async (text: string): Promise<void> => {
    await using like = await newCapsule({ template: name });
    assert.equal((await like.sh("cat /root/which")).stdout, text);
    assert.equal((await names()).filter((one) => one === name).length, 1);
  };
  await holds("two\n");
  await capsule.sh("echo three > /root/which");
  for (const [overwrite, query] of [
    [false, {}],
    [false, { overwrite: "true" }],
  ] as const)
    await expectError("createSnapshot", "template_name_taken", { body: { ...body, name, overwrite }, query });
  await expectError("createSnapshot", "invalid_request", { body: { ...body, name, overwrite: "true" } });
  await holds("two\n");
  await expectCall("createSnapshot", 201, { body: { ...body, name, overwrite: true } });
  await holds("three\n");
  const { name: given } = await expectCall("createSnapshot", 201, { body });
  assert.match(given, /^template-[0-9a-f]{8}$/);
  for (const one of [name, given]) await expectCall("deleteSnapshot", 204, named(one));
  assert.deepEqual(await expectCall("listSnapshots", 200, { query: { type: "nonsense" } }), []);
  const base = await expectCall("listSnapshots", 200, { query: { type: "base" } });
  assert.ok(base.some((one) => one.name === "minimal" && one.platform && one.type === "base"));
});

test("a repeat with the same Idempotency-Key makes no second template", async () => {
  const headers = { "idempotency-key": randomUUID() };
  const both = await Promise.all([1, 2].map(() => call("createSnapshot", { headers, body: { capsule_id: capsule.id } })));
  assert.deepEqual(
    both.map(({ status }) => status),
    [201, 201],
  );
  assert.deepEqual(both[0]?.body, both[1]?.body);
  const name = String(property(both[0]?.body, "name"));
  assert.equal((await names()).filter((one) => one === name).length, 1);
  await expectCall("deleteSnapshot", 204, named(name));
});

test("a team's templates are its own: another team neither sees, uses nor deletes them, and may use the name itself", async () => {
  const other = await newTeam();
  const name = newName();
  await expectCall("createSnapshot", 201, { body: { capsule_id: capsule.id, name } });
  await expectError("createSnapshot", "not_found", { key: other.key, body: { capsule_id: capsule.id, name } });
  await expectError("createCapsule", "not_found", { key: other.key, body: { template: name } });
  await expectError("deleteSnapshot", "not_found", { key: other.key, ...named(name) });
  assert.ok(!(await expectCall("listSnapshots", 200, { key: other.key })).some((one) => one.name === name));
  await using theirs = await newCapsule({ memory_mb: 64 }, other.key);
  await theirs.sh("echo theirs > /root/whose");
  await expectCall("createSnapshot", 201, { key: other.key, body: { capsule_id: theirs.id, name } });
  await using like = await newCapsule({ template: name }, other.key);
  assert.equal((await like.sh("cat /root/whose")).stdout, "theirs\n");
  await expectCall("deleteSnapshot", 204, { key: other.key, ...named(name) });
  assert.ok((await names()).includes(name));
  await expectCall("deleteSnapshot", 204, named(name));
});

test("an endpoint can use a template of its team's", async () => {
  const name = newName();
  await capsule.sh("printf '#!/bin/sh\\necho from the template' > /usr/local/bin/say && chmod +x /usr/local/bin/say");
  await expectCall("createSnapshot", 201, { body: { capsule_id: capsule.id, name } });
  const endpoint = { params: { name: "of-a-template" } };
  await expectError("putEndpoint", "invalid_request", { ...endpoint, body: { command: "say", template: "no-such-template" } });
  await expectCall("putEndpoint", 201, { ...endpoint, body: { command: "say", template: name } });
  const { teams } = await expectCall("listTeams", 200);
  const [first] = teams;
  assert.ok(first !== undefined);
  const called = await call("callEndpoint", {
    params: { owner: first.slug, name: "of-a-template" },
    headers: { accept: "application/json" },
  });
  assert.equal(property(called.body, "output"), "from the template\n", JSON.stringify(called.body));
  await expectCall("deleteEndpoint", 204, endpoint);
  await expectCall("deleteSnapshot", 204, named(name));
});

test(
  "a server that is killed while snapshots are taken leaves whole templates or none, and the capsule running",
  { timeout: 120_000 },
  async () => {
    await using source = await newCapsule();
    const before = onHost();
    await source.sh("dd if=/dev/urandom of=/root/some bs=1M count=40 2> /dev/null; sha256sum /root/some > /root/sum");
    const wanted = Array.from({ length: 6 }, newName);
    const asked = wanted.map((name) => call("createSnapshot", { body: { capsule_id: source.id, name } }).catch(() => null));
    await Promise.race(asked);
    await restart("SIGKILL");
    const answers = await Promise.all(asked);
    const there = await names({ type: "snapshot" });
    wanted.forEach((name, index) => {
      if (answers[index]?.status === 201) assert.ok(there.includes(name), "what was answered is there");
    });
    const whole = wanted.filter((name) => there.includes(name));
    assert.equal(
      onHost().filter((entry) => /^tp-[0-9a-z]{25}$/.test(entry) && !before.includes(entry)).length,
      whole.length,
      onHost().join(" "),
    );
    assert.equal((await source.get()).status, "running");
    assert.equal((await source.sh("echo on")).stdout, "on\n");
    for (const name of whole) {
      await using like = await newCapsule({ template: name });
      assert.equal((await like.sh("sha256sum -c /root/sum")).exit_code, 0);
      await expectCall("deleteSnapshot", 204, named(name));
    }
    assert.deepEqual(onHost(), before);
  },
);

test(
  "one fork that is cut off by SIGKILL is made once by its repeat, with the files of its source, which goes on",
  { timeout: 240_000 },
  async () => {
    const team = await newTeam();
    await using source = await newCapsule({ memory_mb: 64 }, team.key);
    await source.sh("echo kept > /root/file");
    for (const delayMs of [5, 15, 30, 60]) {
      const ask = (headers: Readonly<Record<string, string>>) =>
        call("forkCapsule", { key: team.key, params: { id: source.id }, body: { wait_ms: 60_000 }, headers });
      const headers = { "idempotency-key": randomUUID() };
      const cut = ask(headers).catch(() => null);
      await sleep(delayMs);
      await restart("SIGKILL");
      await cut;
      const { status, body } = await ask(headers);
      assert.equal(status, 201, JSON.stringify(body));
      const all = await expectCall("listCapsules", 200, { key: team.key });
      assert.ok(Array.isArray(all));
      const made = all.filter(({ id }) => id !== source.id);
      assert.deepEqual(
        made.map(({ status }) => status),
        ["running"],
        "none is doubled, and none is left behind",
      );
      for (const fork of made) {
        assert.equal((await capsuleOf(fork, team.key).sh("cat /root/file")).stdout, "kept\n");
        await expectCall("destroyCapsule", 204, { key: team.key, params: { id: fork.id } });
      }
      assert.equal((await source.get()).status, "running");
      assert.equal((await source.sh("echo on")).stdout, "on\n");
    }
  },
);
