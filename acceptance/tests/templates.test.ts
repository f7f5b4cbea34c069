import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { filesThatHold } from "../harness/at-rest.ts";
import { begin, build, logOf, newName, newTemplate, printed } from "../harness/build.ts";
import type { Build, Recipe } from "../harness/build.ts";
import { call, expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { Capsule } from "../harness/capsule.ts";
import { restart } from "../harness/restart.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

/** Elsewhere nothing is kept of builds' steps, so that nothing is left of them on the host. */
const CACHED = { CAPSULED_TEMPLATE_CACHE_MB: "1000" };
before(() => restart("SIGTERM", () => {}, CACHED));
after(() => restart("SIGTERM"));

const small: Recipe = { memory_mb: 128, disk_mb: 64 };
const onHost = (): readonly string[] => readdirSync(join(readState().dataDir, "store/snapshots")).toSorted();
const capsules = async (): Promise<number> => {
  const all = await expectCall("listCapsules", 200);
  assert.ok(Array.isArray(all));
  return all.length;
};

async function capsulesOf(build: string): Promise<readonly Capsule[]> {
  const found = await expectCall("listCapsules", 200, { query: { "metadata.template_build": build } });
  assert.ok(Array.isArray(found));
  return found;
}

test("a recipe's files, steps and settings are what capsules of its template begin with, and its log tells how it was made", async () => {
  const before = await capsules();
  const secret = randomBytes(16).toString("hex");
  await using made = await newTemplate({
    ...small,
    files: [
      { path: "/srv/www/index.html", content: "hello from a recipe\n" },
      {
        path: "/usr/local/bin/tool",
        content: Buffer.from("#!/bin/sh\necho tool ran\n").toString("base64"),
        encoding: "base64",
        mode: "755",
      },
    ],
    steps: [
      { run: "useradd --create-home web && chown -R web: /srv/www && echo made the user >&2" },
      { run: "id -un; pwd; echo $GREETING ${#SECRET} $STEP > made; cat made", user: "web", cwd: "/home/web", envs: { STEP: "two" } },
    ],
    envs: { GREETING: "hi", SECRET: secret },
    user: "web",
    cwd: "/srv/www",
    start_command: { cmd: "python3", args: ["-m", "http.server", "8000"] },
    ready_check: { port: 8000, timeout_sec: 60 },
  });
  const log = await logOf(made.build.id);
  assert.deepEqual(
    log.map(({ id }) => id),
    log.map((_, at) => at + 1),
  );
  assert.equal(printed(log, 2, "stderr"), "made the user\n");
  assert.equal(printed(log, 3), "web\n/home/web\nhi 32 two\n");
  assert.equal(log.at(-1)?.entry.type, "end");

  const [listed] = (await expectCall("listSnapshots", 200)).filter(({ name }) => name === made.name);
  assert.deepEqual(
    [listed?.user, listed?.cwd, listed?.env_names, listed?.start_command?.cmd, listed?.ready_check?.port, listed?.memory_mb],
    ["web", "/srv/www", ["GREETING", "SECRET"], "python3", 8000, 128],
  );
  const told = [listed, made.build, log, await expectCall("listTemplateBuilds", 200)];
  for (const value of ['"hi"', secret]) assert.equal(JSON.stringify(told).includes(value), false, "values are nobody's to read");

  await using capsule = await newCapsule({ template: made.name });
  const said = await capsule.sh("id -un; pwd; echo $HOME $GREETING $SECRET; tool; cat /home/web/made");
  assert.equal(said.stdout, `web\n/srv/www\n/home/web hi ${secret}\ntool ran\nhi 32 two\n`);
  assert.ok(filesThatHold(made.build.id).length > 0, "what is in the database is found there");
  assert.deepEqual(filesThatHold(secret), []);
  const started = (await capsule.processes()).find(({ tag }) => tag === "start");
  assert.equal(started?.cmd, "python3");
  const fetched = await capsule.python("import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/').read().decode(), end='')");
  assert.equal(fetched.stdout, "hello from a recipe\n");
  await expectCall("stopCapsule", 200, { params: { id: capsule.id } });
  const again = await expectCall("startCapsule", 200, { params: { id: capsule.id }, body: { wait_ms: 60_000 } });
  assert.equal(again.status, "running", again.message ?? "");
  assert.equal((await capsule.processes()).find(({ tag }) => tag === "start")?.cmd, "python3");
  assert.equal(await capsules(), before + 1, "the build's own capsule is gone");
});

test("a step that fails is named with its command, exit code and last lines, and nothing is left of the build", async () => {
  const before = await capsules();
  const name = newName();
  const failed = await build({
    ...small,
    name,
    steps: [{ run: "true" }, { run: "echo first; echo the cause >&2; exit 7" }, { run: "echo never" }],
  });
  assert.deepEqual([failed.state, failed.reason, failed.step], ["failed", "step_failed", 2]);
  assert.deepEqual([failed.error?.step, failed.error?.command, failed.error?.exit_code], [2, "echo first; echo the cause >&2; exit 7", 7]);
  assert.match(failed.error?.last_lines ?? "", /first\n[^]*the cause\n|the cause\n[^]*first\n/);
  assert.equal(await capsules(), before);
  await expectError("createCapsule", "not_found", { body: { template: name } });
  const absent = await build({ ...small, steps: [{ run: "true", cwd: "/absent" }] });
  assert.deepEqual([absent.reason, absent.error?.step], ["step_failed", 1]);
  const nobody = await build({ ...small, user: "nobody-of-that-name" });
  assert.deepEqual([nobody.state, nobody.reason], ["failed", "user_not_found"]);
});

test("a log resumed after any of its events goes on with the next one, and 204 says that there is none", async () => {
  const { id } = await begin({ ...small, steps: [{ run: "for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done" }] });
  const live = await logOf(id);
  assert.equal(printed(live, 1), "line 1\nline 2\nline 3\nline 4\nline 5\n");
  for (const { id: after } of live) assert.deepEqual(await logOf(id, after), live.slice(after));
  const done = await call("streamTemplateBuild", { params: { id }, headers: { "last-event-id": String(live.length) } });
  assert.equal(done.status, 204);
  await expectError("streamTemplateBuild", "invalid_offset", { params: { id }, headers: { "last-event-id": String(live.length + 1) } });
  await expectError("streamTemplateBuild", "invalid_request", { params: { id }, headers: { "last-event-id": "yesterday" } });
  const { name } = await expectCall("getTemplateBuild", 200, { params: { id } });
  await expectCall("deleteSnapshot", 204, { params: { name } });
});

test("steps that were done before on the same beginnings are not done again", async () => {
  const steps = [{ run: `echo ${newName()} > /root/random; cat /proc/sys/kernel/random/uuid > /root/uuid` }, { run: "echo two" }];
  await using first = await newTemplate({ ...small, steps });
  await using second = await newTemplate({ ...small, steps: [...steps, { run: "echo three" }] });
  assert.deepEqual([first.build.cached_steps, second.build.cached_steps], [0, 2]);
  await using one = await newCapsule({ template: first.name });
  await using other = await newCapsule({ template: second.name });
  assert.equal((await one.sh("cat /root/uuid")).stdout, (await other.sh("cat /root/uuid")).stdout);
  await using third = await newTemplate({ ...small, steps, use_cache: false });
  assert.equal(third.build.cached_steps, 0);
});

test("packages are installed by the package manager of the base, from the sources that it names", { timeout: 180_000 }, async () => {
  const control =
    "Package: capsuled-hello\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: nobody <nobody@example.invalid>\\nDescription: hello\\n";
  await using base = await newTemplate({
    memory_mb: 256,
    steps: [
      {
        run: `set -e; mkdir -p /srv/repo/pkg/DEBIAN /srv/repo/pkg/usr/bin; printf '${control}' > /srv/repo/pkg/DEBIAN/control
printf '#!/bin/sh\\necho installed\\n' > /srv/repo/pkg/usr/bin/capsuled-hello; chmod 755 /srv/repo/pkg/usr/bin/capsuled-hello
cd /srv/repo; dpkg-deb --build pkg hello.deb
{ cat pkg/DEBIAN/control; printf 'Filename: ./hello.deb\\nSize: %s\\nSHA256: %s\\n' "$(stat -c %s hello.deb)" "$(sha256sum hello.deb | cut -d ' ' -f 1)"; } > Packages
rm -f /etc/apt/sources.list.d/*; echo 'deb [trusted=yes] file:/srv/repo ./' > /etc/apt/sources.list`,
      },
    ],
  });
  await using made = await newTemplate({ from: { template: base.name }, packages: ["capsuled-hello"] });
  await using capsule = await newCapsule({ template: made.name });
  assert.equal((await capsule.sh("capsuled-hello; ls /var/lib/apt/lists | wc -l")).stdout, "installed\n0\n");
  const absent = await build({ from: { template: base.name }, packages: ["capsuled-no-such-package"] });
  assert.deepEqual([absent.reason, absent.error?.step, absent.error?.exit_code], ["step_failed", 1, 100]);
  assert.match(absent.error?.last_lines ?? "", /capsuled-no-such-package/);
});

test(
  "a recipe that fills its disk, runs out of time or prints without end is ended or bounded, and says by what",
  { timeout: 120_000 },
  async () => {
    const full = await build({ ...small, steps: [{ run: "head -c 200M /dev/zero > /root/large" }] });
    assert.deepEqual([full.reason, full.error?.step], ["disk_full", 1]);
    const large = await build({
      ...small,
      disk_mb: 16,
      steps: [{ run: "head -c 15M /dev/zero > /root/most" }],
      files: [{ path: "/root/file", content: "x".repeat(3_000_000) }],
    });
    assert.equal(large.reason, "disk_full");
    const late = await build({ ...small, steps: [{ run: "echo begun; sleep 1000", timeout_sec: 1 }] });
    assert.deepEqual([late.reason, late.error?.last_lines], ["step_timed_out", "begun\n"]);
    const whole = await build({ ...small, steps: [{ run: "trap '' TERM; sleep 1000" }], timeout_sec: 2 });
    assert.deepEqual([whole.state, whole.reason], ["failed", "timed_out"]);
    const { id } = await begin({ ...small, steps: [{ run: "yes | head -c 40000000; echo the end; exit 4" }] });
    const log = await logOf(id);
    assert.ok(printed(log, 1).length <= 4 * 1024 * 1024);
    const gap = log.find(({ entry }) => entry.type === "gap")?.entry;
    assert.ok(gap?.type === "gap");
    assert.equal(printed(log, 1).length + gap.bytes, 40_000_000 + "the end\n".length, "every byte is told, or counted");
    const end = await expectCall("getTemplateBuild", 200, { params: { id } });
    assert.deepEqual([end.error?.exit_code, end.error?.last_lines.endsWith("the end\n")], [4, true]);
  },
);

test("a cancelled build ends at once, with its capsule, and its name is free", async () => {
  const name = newName();
  const before = { onHost: onHost(), capsules: await capsules() };
  const { id } = await begin({ ...small, name, steps: [{ run: "echo begun; trap '' TERM; sleep 1000" }] });
  await logOf(id, 0, (entry) => entry.type === "output");
  await expectError("createTemplate", "template_name_taken", { body: { name } });
  const ended = await expectCall("cancelTemplateBuild", 200, { params: { id } });
  assert.deepEqual([ended.state, ended.reason], ["cancelled", "cancelled"]);
  assert.deepEqual({ onHost: onHost(), capsules: await capsules() }, before);
  assert.equal((await logOf(id)).at(-1)?.entry.type, "end");
  await using again = await newTemplate({ ...small, name });
  assert.equal(again.name, name);
});

test("what a team's steps left is taken by its own builds only: another team does the same steps anew", { timeout: 300_000 }, async () => {
  const strangers = await newTeam();
  const recipe = { ...small, steps: [{ run: `echo ${newName()} > /root/made` }] };
  const cachedOf = async (key?: string): Promise<readonly unknown[]> => {
    const given = key === undefined ? {} : { key };
    const { id, name } = await expectCall("createTemplate", 202, { ...given, body: { ...recipe, name: newName() } });
    const ended = async (): Promise<Build | undefined> => {
      const now = await expectCall("getTemplateBuild", 200, { ...given, params: { id } });
      return now.ended_at === null ? undefined : now;
    };
    const built = await waitUntil(ended, { what: "the build's end", timeoutMs: 120_000 });
    await expectCall("deleteSnapshot", 204, { ...given, params: { name } });
    return [built.state, built.cached_steps];
  };
  assert.deepEqual(await cachedOf(), ["ready", 0]);
  assert.deepEqual(await cachedOf(strangers.key), ["ready", 0]);
  assert.deepEqual(await cachedOf(), ["ready", 1]);
  assert.deepEqual(await cachedOf(strangers.key), ["ready", 1]);
});

test(
  "a server that dies in the middle leaves no capsule and no half of a template, and the next build goes on from its steps",
  { timeout: 120_000 },
  async () => {
    const before = await capsules();
    const name = newName();
    const first = { run: `echo ${newName()} > /root/first` };
    const { id } = await begin({ ...small, name, steps: [first, { run: "echo begun; sleep 1000" }] });
    await logOf(id, 0, (entry) => entry.type === "output");
    await restart("SIGKILL", () => {}, CACHED);
    const lost = await expectCall("getTemplateBuild", 200, { params: { id } });
    assert.deepEqual([lost.state, lost.reason], ["failed", "server_lost"]);
    const log = await logOf(id);
    assert.equal(log.at(-1)?.entry.type, "end");
    assert.equal(await capsules(), before);
    await using made = await newTemplate({ ...small, name, steps: [first, { run: "echo done" }] });
    assert.equal(made.build.cached_steps, 1);
    const another = await begin({ ...small, steps: [{ run: "echo begun; sleep 1000" }] });
    await logOf(another.id, 0, (entry) => entry.type === "output");
    await restart("SIGTERM", () => {}, CACHED);
    assert.equal((await expectCall("getTemplateBuild", 200, { params: { id: another.id } })).reason, "server_lost");
    assert.equal(await capsules(), before);
  },
);

test("a template whose start command does not come up makes capsules that say why", { timeout: 120_000 }, async () => {
  await using made = await newTemplate({
    ...small,
    start_command: { cmd: "sh", args: ["-c", "echo no database >&2; exit 9"] },
    ready_check: { port: 9000, timeout_sec: 20 },
  });
  const capsule = await expectCall("createCapsule", 201, { body: { template: made.name, wait_ms: 60_000 } });
  assert.deepEqual([capsule.status, capsule.reason], ["error", "boot_failed"]);
  assert.match(capsule.message ?? "", /exit code 9[^]*no database/);
  await expectCall("destroyCapsule", 204, { params: { id: capsule.id } });
});

test(
  "a capsule is running when its template's ready check, a command, exits with 0; one that never does says so",
  { timeout: 120_000 },
  async () => {
    const start_command = {
      cmd: "sh",
      args: ["-c", "n=0; while [ $n -lt 3 ]; do sleep 0.5; n=$((n+1)); echo $n > /srv/count; done; sleep 1000"],
    };
    const check = 'echo asked >> /srv/asked; [ "$(cat /srv/count)" = "$WANTED" ]';
    await using made = await newTemplate({
      ...small,
      envs: { WANTED: "3" },
      steps: [{ run: "echo 0 > /srv/count" }],
      start_command,
      ready_check: { cmd: "sh", args: ["-c", check], timeout_sec: 30 },
    });
    {
      await using capsule = await newCapsule({ template: made.name });
      const { stdout } = await capsule.sh("cat /srv/count; wc -l < /srv/asked");
      const [count, asked] = stdout.trim().split("\n").map(Number);
      assert.ok(count === 3 && (asked ?? 0) > 1, `it was asked until it was ready: ${stdout}`);
    }
    await using never = await newTemplate({
      ...small,
      steps: [{ run: "true" }],
      start_command: { cmd: "sh", args: ["-c", "echo still waiting; sleep 1000"] },
      ready_check: { cmd: "false", timeout_sec: 2 },
    });
    const capsule = await expectCall("createCapsule", 201, { body: { template: never.name, wait_ms: 60_000 } });
    assert.deepEqual([capsule.status, capsule.reason], ["error", "boot_failed"]);
    assert.match(capsule.message ?? "", /ready[^]*still waiting/);
    await expectCall("destroyCapsule", 204, { params: { id: capsule.id } });
  },
);

test("a build whose capsule is destroyed under it ends, and says so", async () => {
  const { id } = await begin({ ...small, steps: [{ run: "echo begun; sleep 1000" }] });
  await logOf(id, 0, (entry) => entry.type === "output");
  const [capsule] = await capsulesOf(id);
  assert.equal(capsule?.template, "minimal");
  await expectCall("destroyCapsule", 204, { params: { id: capsule.id } });
  assert.equal((await logOf(id)).at(-1)?.entry.type, "end");
  const ended = await expectCall("getTemplateBuild", 200, { params: { id } });
  assert.deepEqual([ended.state, ended.reason, ended.step], ["failed", "capsule_lost", 1]);
});

test("a repeat with the same Idempotency-Key is the same build", async () => {
  const headers = { "idempotency-key": newName() };
  const body = { ...small, name: newName(), steps: [{ run: "sleep 1" }] };
  const [one, other] = [
    await expectCall("createTemplate", 202, { headers, body }),
    await expectCall("createTemplate", 202, { headers, body }),
  ];
  assert.equal(one.id, other.id);
  await logOf(one.id);
  await expectCall("deleteSnapshot", 204, { params: { name: body.name } });
});

test("a step reaches nothing but its own capsule and where its recipe lets it", async () => {
  const { id } = await begin({
    ...small,
    network: { egress: "none" },
    steps: [
      {
        run: "ls -d /var/lib/capsuled* /run/capsuled 2>/dev/null; cat /proc/sys/kernel/hostname; python3 -c \"import socket; socket.create_connection(('192.0.2.1', 80), 2)\"",
      },
    ],
  });
  const log = await logOf(id);
  const ended = await expectCall("getTemplateBuild", 200, { params: { id } });
  assert.match(printed(log, 1), /^cl-[0-9a-z]{25}\n$/);
  assert.equal(ended.reason, "step_failed");
  assert.match(ended.error?.last_lines ?? "", /OSError|Connection refused|unreachable|timed out/);
});
