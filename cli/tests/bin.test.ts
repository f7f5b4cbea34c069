import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const BIN = fileURLToPath(new URL("../bin/capsuled.js", import.meta.url));

/** Makes Node tell that it is an old one. The children that a program starts with its arguments are what they are. */
const AS_OLD = `--import=data:text/javascript,${encodeURIComponent(
  'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.1.0" } });',
)}`;
const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", CAPSULED_DATA_DIR: "/nonexistent" };

test("started by a Node that is too old, a clone's program goes on with the Node that npm installed, and passes on its end", async () => {
  const told = spawnSync(process.execPath, [AS_OLD, BIN, "--version"], { encoding: "utf8", env });
  assert.deepEqual([told.status, told.stderr], [0, ""]);
  assert.match(told.stdout, /^capsuled {2}\d/);
  assert.equal(spawnSync(process.execPath, [AS_OLD, BIN, "frobnicate"], { env }).status, 64);

  const asks = spawn(process.execPath, [AS_OLD, BIN, "endpoints", "apply", "-f", "-"], { env, stdio: ["pipe", "ignore", "ignore"] });
  // It waits for its standard input; what ends the outer one ends the inner one.
  const inner = await childOf(asks.pid ?? 0);
  const ended = once(asks, "exit");
  asks.kill("SIGTERM");
  await ended;
  await gone(inner);
});

test(
  "a program whose npx was ended does not go on unseen, though npx ends its shell alone; one that was started otherwise does",
  { timeout: 60_000 },
  async () => {
    // Takes connections, and says nothing.
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const connected = (): Promise<unknown> => once(silent, "connection");
    try {
      for (const isNpx of [true, false]) {
        const arrival = connected();
        const command = `"$0" "$1" ls --server http://127.0.0.1:${port} --key wrn_x; true`;
        const started = { ...env, ...(isNpx ? { npm_lifecycle_event: "npx" } : {}) };
        const shell = spawn("sh", ["-c", command, process.execPath, BIN], { env: started, stdio: "ignore" });
        const inner = await childOf(shell.pid ?? 0);
        await arrival;
        const ended = once(shell, "exit");
        shell.kill("SIGKILL");
        await ended;
        if (isNpx) await gone(inner);
        else assert.ok(existsSync(`/proc/${inner}`), "its shell may have been ended without it on purpose");
        if (!isNpx) process.kill(inner, "SIGKILL");
      }
    } finally {
      silent.close();
      silent.unref();
    }
  },
);

test("where there is no such Node either, what is needed is said in one line", () => {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-bin-"));
  try {
    mkdirSync(join(dir, "cli/bin"), { recursive: true });
    writeFileSync(join(dir, "cli/package.json"), '{"type":"module"}');
    copyFileSync(BIN, join(dir, "cli/bin/capsuled.js"));
    const { status, stderr } = spawnSync(process.execPath, [AS_OLD, join(dir, "cli/bin/capsuled.js")], { encoding: "utf8", env });
    assert.equal(status, 69);
    assert.match(stderr, /^capsuled: this is Node 20\.1\.0, and a clone needs 24\.12 or later: run npm ci[^\n]*\n$/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("the file that an old Node reads is written in words that it knows", () => {
  assert.doesNotMatch(readFileSync(BIN, "utf8"), /\bawait\b|\?\?|\?\.|: string|: number|import\.meta\.dirname/);
});

test("what a full disk does not take is told, and no success, however short it is", () => {
  const full = openSync("/dev/full", "w");
  try {
    const { status, stderr } = spawnSync(process.execPath, [BIN, "completion", "bash"], {
      encoding: "utf8",
      env,
      stdio: ["ignore", full, "pipe"],
    });
    assert.equal(status, 1);
    assert.match(stderr, /^capsuled: standard output takes no more: ENOSPC/);
  } finally {
    closeSync(full);
  }
});

test("a server that nobody has named is none, whatever objects of JavaScript have by that name", () => {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-servers-"));
  const own = { ...env, XDG_CONFIG_HOME: dir };
  try {
    for (const name of ["toString", "__proto__"]) {
      const asked = spawnSync(process.execPath, [BIN, "--server", name, "ls"], { encoding: "utf8", env: own });
      assert.deepEqual([asked.status, asked.stderr.includes(`There is no server "${name}"`)], [78, true], asked.stderr);
      assert.equal(spawnSync(process.execPath, [BIN, "servers", "rm", name], { env: own }).status, 64);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

async function childOf(pid: number): Promise<number> {
  for (;;) {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    if (child !== undefined && child !== "") return Number(child);
    await new Promise((done) => setTimeout(done, 20));
  }
}

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) return;
    } catch {
      return;
    }
    await new Promise((done) => setTimeout(done, 20));
  }
}
