import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { call, errorOf, expectCall, property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { allEvents } from "../harness/events.ts";
import { agentPid, hostTraces, newTraces } from "../harness/host.ts";
import { restart } from "../harness/restart.ts";
import { endServer, readAdminKey, startRefused, startServer } from "../harness/server-process.ts";
import { readState } from "../harness/state.ts";
import { attach } from "../harness/stream.ts";
import { waitUntil } from "../harness/wait.ts";

const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const facts = (of: TestCapsule, selector: string) => expectCall("getProcess", 200, { params: { id: of.id, selector } });
const output = (of: TestCapsule, selector: string, query: Readonly<Record<string, string>> = {}) =>
  expectCall("getProcessOutput", 200, { params: { id: of.id, selector }, query });

test(
  "where journals cannot be written, processes go on, the latest output stays, the loss is stated, and it is mended when space returns",
  { timeout: 300_000 },
  async () => {
    await using capsule: TestCapsule = await newCapsule({ memory_mb: 64 });
    const at = { params: { id: capsule.id } };
    await expectCall("stopCapsule", 200, at);
    const control = join(readState().dataDir, "capsules", capsule.id, "ctl");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs", control]);
    try {
      await expectCall("startCapsule", 200, { ...at, body: { wait_ms: 30_000 } });
      const MiB = 1 << 20;
      const program = `import sys,hashlib,os,time
def fill(n,c):
  sys.stdout.write(c*n); sys.stdout.flush()
fill(${8 * MiB},'a')
open('/root/printed','w').close()
while not os.path.exists('/root/go'): time.sleep(0.02)
fill(${2 * MiB},'b')
sys.exit(5)`;
      const { id } = await capsule.background({ cmd: "python3", args: ["-c", program], tag: "prints" });
      await waitUntil(async () => ((await capsule.sh("ls /root/printed 2>&1")).exit_code === 0 ? true : undefined), {
        what: "all to be printed, disk or none",
      });
      await waitUntil(async () => ((await output(capsule, id, { limit: "1" })).total === 8 * MiB ? true : undefined), {
        what: "all to be counted",
      });
      const gone = await output(capsule, id, { from: String(MiB), limit: "1" });
      assert.ok(
        gone.gap_bytes > 4 * MiB && gone.from <= 7.5 * MiB,
        `${gone.gap_bytes} of 8 MiB are gone; what was written and the latest MiB stay`,
      );
      const late = await output(capsule, id, { from: String(8 * MiB - 1000) });
      assert.deepEqual([late.data, late.gap_bytes], ["a".repeat(1000), 0]);
      assert.equal((await capsule.sh("echo others work")).stdout, "others work\n");
      const written = (): number => readdirSync(join(control, "j")).reduce((sum, file) => sum + statSync(join(control, "j", file)).size, 0);
      const before = written();
      execFileSync("mount", ["-o", "remount,size=64m", control]);
      await waitUntil(() => (written() > before + 512 * 1024 ? true : undefined), { what: "the agent to find that there is space again" });
      await capsule.sh("touch /root/go");
      await using stream = await attach(capsule.id, id, "?from=now");
      const exit = await stream.message("exit");
      assert.deepEqual([exit.exit_code, exit.reason, exit.stdout_bytes], [5, "exited", 10 * MiB]);
      assert.equal(exit.stdout_sha256, sha256("a".repeat(8 * MiB) + "b".repeat(2 * MiB)), "the digest is over what is gone, too");
      const rest = await output(capsule, id, { from: String(8 * MiB), limit: String(MiB) });
      assert.deepEqual([rest.gap_bytes, rest.data.length], [0, MiB], "what came after is whole");
      await waitUntil(async () => ((await facts(capsule, id)).running ? undefined : true), { what: "its end in the store" });
      const { id: next } = await capsule.background({ cmd: "seq", args: ["1", "300000"] });
      await waitUntil(async () => ((await facts(capsule, next)).running ? undefined : true), { what: "the next one's end" });
      assert.equal((await output(capsule, next)).gap_bytes, 0, "journals are written again");
      await waitUntil(
        async () =>
          (await allEvents(undefined, capsule.id)).filter(({ type }) => type === "process.ended").length >= 2 ? true : undefined,
        { what: "both ends among the events" },
      );
    } finally {
      await call("stopCapsule", at);
      execFileSync("umount", ["--lazy", control]);
    }
  },
);

test(
  "a process that fills its capsule's disk gets an error inside, and its output is kept all the same",
  { timeout: 300_000 },
  async () => {
    await using capsule: TestCapsule = await newCapsule({ memory_mb: 64, disk_mb: 32 });
    const script = "dd if=/dev/urandom of=/root/fill bs=1M count=100 2>/dev/null && exit 1; seq 1 100000; echo told >&2; exit 4";
    const { id } = await capsule.background({ cmd: "sh", args: ["-c", script] });
    await waitUntil(async () => ((await facts(capsule, id)).running ? undefined : true), { what: "its end", timeoutMs: 30_000 });
    const end = await facts(capsule, id);
    const expected = Array.from({ length: 100_000 }, (_, n) => `${n + 1}\n`).join("");
    assert.deepEqual([end.exit_code, end.stdout_sha256, end.stderr_bytes], [4, sha256(expected), 5]);
    assert.deepEqual([(await output(capsule, id)).data, (await output(capsule, id)).gap_bytes], [expected, 0]);
    assert.equal((await capsule.sh("rm /root/fill && echo room again > /root/x && cat /root/x")).stdout, "room again\n");
  },
);

test(
  "without free disk on the host no capsule is created or started, with a clear code; what runs goes on, and space that returns is used",
  { timeout: 300_000 },
  async () => {
    await using running: TestCapsule = await newCapsule({ memory_mb: 64 });
    await using stopped: TestCapsule = await newCapsule({ memory_mb: 64 });
    await expectCall("stopCapsule", 200, { params: { id: stopped.id } });
    await restart("SIGKILL", () => {}, { CAPSULED_DISK_FLOOR_MB: "1073741824" });
    const before = hostTraces(readState().dataDir);
    for (const refused of [
      await call("createCapsule", { body: { memory_mb: 64, metadata: { full: "disk" } } }),
      await call("startCapsule", { params: { id: stopped.id }, body: {} }),
    ]) {
      const error = errorOf(refused.body);
      assert.deepEqual([refused.status, error.code, property(error.details, "resource")], [503, "host_full", "disk"]);
      assert.ok(Number(refused.headers.get("retry-after")) > 0);
    }
    assert.deepEqual(await newTraces(readState().dataDir, before), [], "nothing is left behind");
    assert.deepEqual(await expectCall("listCapsules", 200, { query: { "metadata.full": "disk" } }), []);
    assert.equal((await running.sh("echo well")).stdout, "well\n");
    await restart("SIGTERM");
    await expectCall("startCapsule", 200, { params: { id: stopped.id }, body: { wait_ms: 30_000 } });
    assert.equal((await stopped.sh("echo well")).stdout, "well\n");
  },
);

test(
  "while the database is locked changes are a 503, commands go on, and what ended meanwhile is told afterwards",
  { timeout: 300_000 },
  async () => {
    await using capsule: TestCapsule = await newCapsule({ memory_mb: 64 });
    const key = randomUUID();
    const lock = new DatabaseSync(join(readState().dataDir, "capsuled.db"), { timeout: 5000 });
    lock.exec("begin immediate");
    let id = "";
    try {
      ({ id } = await capsule.background({ cmd: "sh", args: ["-c", "echo during; exit 3"], tag: "during" }));
      const [created, ran, paused] = await Promise.all([
        call("createCapsule", { headers: { "idempotency-key": key }, body: { memory_mb: 64, metadata: { locked: key } } }),
        capsule.sh("echo goes on"),
        call("pauseCapsule", { params: { id: capsule.id } }),
      ]);
      assert.equal(ran.stdout, "goes on\n");
      for (const refused of [created, paused]) {
        assert.deepEqual([refused.status, errorOf(refused.body).code], [503, "unavailable"]);
        assert.ok(Number(refused.headers.get("retry-after")) > 0);
      }
    } finally {
      lock.exec("rollback");
      lock.close();
    }
    assert.equal((await capsule.get()).status, "running", "the pause was not half made");
    const again = await expectCall("createCapsule", 201, {
      headers: { "idempotency-key": key },
      body: { memory_mb: 64, metadata: { locked: key } },
    });
    const made = await expectCall("listCapsules", 200, { query: { "metadata.locked": key } });
    assert.deepEqual(Array.isArray(made) && made.map((one) => one.id), [again.id], "the repeat made the only one");
    await expectCall("destroyCapsule", 204, { params: { id: again.id } });
    const told = await waitUntil(
      async () => {
        const found = (await allEvents(undefined, capsule.id)).filter(({ process_id }) => process_id === id);
        return found.length === 2 ? found : undefined;
      },
      { what: "start and end of what ran meanwhile", timeoutMs: 40_000 },
    );
    assert.deepEqual(
      told.map(({ type }) => type),
      ["process.started", "process.ended"],
    );
  },
);

/** One request to a server of the test's own; gives its status, its error's code and its body. */
async function ask(
  url: string,
  key: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<readonly [number, string | null, unknown]> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { "x-api-key": key, ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const parsed: unknown = text === "" ? null : JSON.parse(text);
  const code = property(property(parsed, "error"), "code");
  return [response.status, typeof code === "string" ? code : null, parsed];
}

test(
  "a database whose disk is full is a 503, commands go on, and what was stored is there when there is space; read-only it stops the start",
  { timeout: 300_000 },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "capsuled-small-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m,mode=0711", "tmpfs", dir]);
    const settings = { dataDir: dir, port: 0, logFile: `${dir}.log`, env: { CAPSULED_DRIVER: "fake" } };
    writeFileSync(settings.logFile, "");
    let server = await startServer(settings, 30_000);
    try {
      const key = readAdminKey(dir);
      const create = () => ask(server.url, key, "POST", "/v1/capsules", { memory_mb: 64 });
      const list = async (): Promise<readonly string[]> => {
        const [, , body] = await ask(server.url, key, "GET", "/v1/capsules");
        assert.ok(Array.isArray(body), JSON.stringify(body));
        return body.map((one) => String(property(one, "id"))).sort();
      };
      const stored: string[] = [];
      /** One creation; what it stored, or how it was refused. */
      const tried = async (): Promise<readonly [number, string | null] | undefined> => {
        const [status, code, body] = await create();
        if (status !== 201) return [status, code];
        stored.push(String(property(body, "id")));
        return undefined;
      };
      assert.equal(await tried(), undefined);
      assert.throws(() => writeFileSync(join(dir, "fill"), Buffer.alloc(6 << 20)), /ENOSPC/);
      assert.deepEqual(await waitUntil(tried, { what: "a refusal" }), [503, "unavailable"]);
      assert.deepEqual(
        (await ask(server.url, key, "POST", `/v1/capsules/${stored[0]}/exec`, { cmd: "echo", args: ["well"] })).slice(0, 2),
        [200, null],
      );
      assert.deepEqual(await list(), stored.toSorted(), "nothing that was stored is lost, and nothing half made is listed");
      rmSync(join(dir, "fill"));
      assert.equal(await tried(), undefined, "space that returns is used");
      assert.deepEqual(await list(), stored.toSorted());
      await endServer(server.pid, "SIGTERM");
      execFileSync("mount", ["-o", "remount,ro", dir]);
      const { code, said } = await startRefused({ ...settings, logFile: settings.logFile });
      assert.ok(code !== 0 && /read-only|EROFS/i.test(said) && !/\n\s+at /.test(said), `${code}: ${said}`);
      execFileSync("mount", ["-o", "remount,rw", dir]);
      server = await startServer(settings, 30_000);
      assert.deepEqual(await list(), stored.toSorted());
    } finally {
      await endServer(server.pid, "SIGKILL");
      execFileSync("umount", ["--lazy", dir]);
      rmSync(dir, { recursive: true, force: true });
      rmSync(settings.logFile, { force: true });
    }
  },
);

test(
  "a database that is gone stops the start in one clear line, and nothing that it knew of is removed",
  { timeout: 300_000 },
  async () => {
    await using running: TestCapsule = await newCapsule({ memory_mb: 64 });
    await using stopped: TestCapsule = await newCapsule({ memory_mb: 64 });
    await stopped.sh("echo kept > /root/file");
    await expectCall("stopCapsule", 200, { params: { id: stopped.id } });
    const { dataDir, logFile } = readState();
    const files = ["capsuled.db", "capsuled.db-wal", "capsuled.db-shm", "admin-key"];
    const agent = agentPid(running.id);
    await restart("SIGKILL", async () => {
      for (const file of files) if (existsSync(join(dataDir, file))) renameSync(join(dataDir, file), join(dataDir, `away-${file}`));
      try {
        const { disks } = hostTraces(dataDir);
        const { code, said } = await startRefused({ dataDir, port: 0, logFile });
        assert.ok(code !== 0 && /\d+ capsules of this installation/.test(said) && /put the database back/.test(said), `${code}: ${said}`);
        assert.ok(!/\n\s+at /.test(said), said);
        assert.deepEqual(hostTraces(dataDir).disks, disks);
      } finally {
        for (const file of files) {
          rmSync(join(dataDir, file), { force: true });
          if (existsSync(join(dataDir, `away-${file}`))) renameSync(join(dataDir, `away-${file}`), join(dataDir, file));
        }
      }
    });
    assert.equal(agentPid(running.id), agent);
    assert.equal((await running.sh("echo well")).stdout, "well\n");
    await expectCall("startCapsule", 200, { params: { id: stopped.id }, body: { wait_ms: 30_000 } });
    assert.equal((await stopped.sh("cat /root/file")).stdout, "kept\n");
  },
);
