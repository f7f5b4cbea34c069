import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { findRunningServer, findServerUrl, isLocker } from "../src/running-server.ts";
import { keyOrigin } from "../src/servers.ts";
import { toRun } from "../src/to-run.ts";

const CLI = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const SERVER = fileURLToPath(new URL("../../server/src/main.ts", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A server of its own that makes no capsules: what `start` and `stop` do needs none. */
const settings = (dir: string): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  HOME: dir,
  CAPSULED_DATA_DIR: dir,
  CAPSULED_DRIVER: "fake",
  CAPSULED_PORT: "0",
});

async function capsuled(dir: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], { env: { ...settings(dir), ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout: await stdout, stderr: await stderr };
}

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

async function inDataDir(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-server-"));
  try {
    await run(dir);
  } finally {
    const left = findRunningServer(dir);
    if (left !== null) process.kill(left.pid, "SIGKILL");
    rmSync(dir, { recursive: true, force: true, maxRetries: 20 });
  }
}

test(
  "stop stops what start started, and what was started otherwise where it holds the directory's lock; and says which",
  { timeout: 120_000 },
  async () => {
    await inDataDir(async (dir) => {
      const begun = await capsuled(dir, ["start"]);
      assert.equal(begun.code, 0, begun.stderr);
      const url = /^listening on (http:\S+)\n/.exec(begun.stdout)?.[1] ?? "";
      // What it says is to be done works as it stands, with an address that the environment says beside it.
      const env = `CAPSULED_DATA_DIR=${dir}`;
      assert.ok(
        begun.stdout.endsWith(`\n\ntry it:\n  ${env} capsuled run -- echo hello\nstop it:\n  ${env} capsuled stop\n`),
        begun.stdout,
      );
      const again = await capsuled(dir, ["start"], { CAPSULED_URL: "http://127.0.0.1:9" });
      assert.equal(again.code, 1);
      assert.match(again.stderr, /runs already, with the pid \d+, and listens on http:/);
      assert.ok(again.stderr.includes(url) && again.stderr.includes(`\`CAPSULED_URL= ${env} capsuled stop\` stops it.`), again.stderr);
      // Wherever it listens, it is found, and so is its key.
      assert.deepEqual(await capsuled(dir, ["ls", "--quiet"]), { code: 0, stdout: "", stderr: "" });
      assert.match((await capsuled(dir, ["doctor"])).stdout, new RegExp(`ok +server +${url}, version[^]*ok +key`));
      assert.match((await capsuled(dir, ["version"])).stdout, new RegExp(`, at ${url}\n$`));
      assert.equal((await capsuled(dir, ["create"])).code, 0);
      assert.deepEqual(await capsuled(dir, ["stop"]), {
        code: 0,
        stdout: "stopped; 1 capsule goes on, and `stop --capsules` would have destroyed it first\n",
        stderr: "",
      });
      assert.equal(findRunningServer(dir), null);
      assert.equal(findServerUrl(dir), null);

      const other = spawn(process.execPath, [SERVER], { env: settings(dir), stdio: ["ignore", "pipe", "ignore"] });
      const elsewhere = await listening(other);
      assert.deepEqual(findRunningServer(dir), { pid: other.pid, isOurs: false, url: elsewhere });
      const second = await capsuled(dir, ["start"]);
      assert.match(second.stderr, new RegExp(`runs already, with the pid ${other.pid}`));
      const ended = once(other, "exit");
      const stopped = await capsuled(dir, ["stop"]);
      assert.deepEqual([stopped.code, stopped.stderr], [0, ""]);
      assert.match(stopped.stdout, new RegExp(`^stopped the server of ${dir} \\(pid ${other.pid}\\), which was not started by`));
      assert.deepEqual(await ended, [0, null]);
    });
  },
);

test(
  "stop --capsules destroys those of the server that it stops and of no other one, whichever is named or runs beside it",
  { timeout: 120_000 },
  async () => {
    await inDataDir(async (dir) => {
      await inDataDir(async (elsewhere) => {
        for (const one of [dir, elsewhere]) assert.equal((await capsuled(one, ["start"])).code, 0);
        for (const one of [dir, elsewhere]) assert.equal((await capsuled(one, ["create"])).code, 0);
        const count = async (one: string): Promise<number> => (await capsuled(one, ["ls", "-q"])).stdout.split("\n").length - 1;
        const url = findServerUrl(elsewhere) ?? "";
        const key = readFileSync(join(elsewhere, "admin-key"), "utf8").trim();
        const others = { CAPSULED_URL: url, CAPSULED_API_KEY: key };
        for (const [args, env] of [
          [["stop", "--capsules"], others],
          [["stop", "--capsules", "--server", url, "--key", key], {}],
          [["stop", "--capsules"], { CAPSULED_URL: "nonsense" }],
        ] as const) {
          const refused = await capsuled(dir, args, env);
          assert.equal(refused.code, 64, refused.stderr);
          assert.match(
            refused.stderr,
            /^capsuled: --capsules destroys those of the server that is stopped, http:\S+, and another one is named: /,
          );
          assert.deepEqual([await count(dir), await count(elsewhere)], [1, 1]);
        }
        // Where nothing is named, the directory says which one is meant, and not where a server is found first.
        const stopped = await capsuled(elsewhere, ["stop", "--capsules", "--data-dir", dir]);
        assert.deepEqual([stopped.code, stopped.stderr], [0, ""]);
        assert.match(stopped.stdout, /^cl-\w+ destroyed\nstopped\n$/);
        assert.equal(await count(elsewhere), 1);
        assert.match((await capsuled(elsewhere, ["stop", "--capsules"], { CAPSULED_URL: url })).stdout, /^cl-\w+ destroyed\nstopped\n$/);
      });
    });
  },
);

test("stop signals no process that is not the directory's server, whatever the files say", { timeout: 120_000 }, async () => {
  await inDataDir(async (dir) => {
    const none = await capsuled(dir, ["stop"], { CAPSULED_URL: "http://127.0.0.1:9" });
    assert.equal(none.code, 1);
    // Which others there are depends on the machine.
    assert.match(none.stderr, new RegExp(`^capsuled: No server uses the data directory ${dir}\\. (?:One with another directory: |There )`));
    // A server of another directory, to which both files of this one lead: pids are given anew.
    await inDataDir(async (elsewhere) => {
      const other = spawn(process.execPath, [SERVER], { env: settings(elsewhere), stdio: ["ignore", "pipe", "ignore"] });
      const url = await listening(other);
      writeFileSync(join(dir, "lock.db"), "");
      writeFileSync(join(dir, "lock.pid"), `${other.pid}\n`);
      const refused = await capsuled(dir, ["stop"], { CAPSULED_URL: url });
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, new RegExp(`\n  CAPSULED_URL= CAPSULED_DATA_DIR=${elsewhere} capsuled stop   \\(pid ${other.pid}\\)\n`));
      // Who asks a directory without a server, with a key or without one, is told of those that there are.
      for (const env of [{}, { CAPSULED_API_KEY: "wrn_x", CAPSULED_PORT: "9" }]) {
        const { code, stderr } = await capsuled(dir, ["ls", "--label", "a=b c"], env);
        assert.equal(code, "CAPSULED_PORT" in env ? 69 : 77);
        assert.match(stderr, new RegExp(`^capsuled: No server uses the data directory ${dir}\\. (?:A server runs|Servers run) with`));
        const line = `\n  CAPSULED_DATA_DIR=${elsewhere} capsuled ls --label 'a=b c'   (pid ${other.pid})\n`;
        assert.ok(stderr.includes(line), stderr);
      }
      assert.equal(other.exitCode, null);
      const ended = once(other, "exit");
      other.kill("SIGTERM");
      await ended;
    });
    // An address that a server left which was killed, whose pid is another's now.
    writeFileSync(join(dir, "server.json"), JSON.stringify({ pid: process.pid, url: "http://127.0.0.1:9" }));
    assert.equal(findServerUrl(dir), null);
    const stranger = spawn("sleep", ["600"], { stdio: "ignore" });
    for (const name of ["lock.pid", "server.pid"]) writeFileSync(join(dir, name), `${stranger.pid}\n`);
    assert.equal((await capsuled(dir, ["stop"], { CAPSULED_URL: "http://127.0.0.1:9" })).code, 1);
    assert.equal(stranger.exitCode, null);
    const ended = once(stranger, "exit");
    stranger.kill("SIGKILL");
    await ended;
  });
});

test(
  "a server that start started has a log of its own, put aside at its size, and what it says to people beside it",
  { timeout: 120_000 },
  async () => {
    await inDataDir(async (dir) => {
      const log = join(dir, "server.log");
      writeFileSync(log, "x".repeat(1024 * 1024 + 1));
      const { code, stderr } = await capsuled(dir, ["start"], { CAPSULED_LOG_LEVEL: "debug", CAPSULED_LOG_FILE_MB: "1" });
      assert.equal(code, 0, stderr);
      const url = /listening on (\S+)/.exec(readFileSync(join(dir, "server.out"), "utf8"))?.[1] ?? "";
      await fetch(`${url}/v1/capsules`);
      await fetch(`${url}/v1/capsules`);
      assert.equal((await capsuled(dir, ["stop"])).code, 0);
      assert.deepEqual(
        readdirSync(dir)
          .filter((name) => name.startsWith("server."))
          .sort(),
        ["server.log", "server.log.1", "server.out"],
      );
      assert.ok(statSync(log).size < 1024 * 1024);
      assert.match(readFileSync(log, "utf8"), /stopping; capsules go on running/);
      assert.doesNotMatch(readFileSync(join(dir, "server.out"), "utf8"), /^\{/m);
      for (const name of ["server.log", "server.log.1", "server.out"]) assert.equal(statSync(join(dir, name)).mode & 0o77, 0, name);
    });
  },
);

test("start keeps to the directory and port that it is given, and says how to stop that server; so does stop, where it has another", async () => {
  await inDataDir(async (home) => {
    const dir = join(home, "its data");
    const env = { CAPSULED_DATA_DIR: "", CAPSULED_PORT: "" };
    for (const options of [
      ["--data-dir", dir, "--port", "0"],
      ["--", "--port=0", `--data-dir=${dir}`],
    ]) {
      const begun = await capsuled(home, ["start", ...options], env);
      assert.equal(begun.code, 0, begun.stderr);
      const stop = `CAPSULED_DATA_DIR='${dir}' capsuled stop`;
      assert.ok(begun.stdout.endsWith(`stop it:\n  ${stop}\n`), begun.stdout);
      const other = await capsuled(home, ["stop"]);
      assert.equal(other.code, 1);
      assert.ok(other.stderr.includes(`\n  ${stop}   (pid ${findRunningServer(dir)?.pid})\n`), other.stderr);
      assert.deepEqual(await capsuled(home, ["stop", "--data-dir", dir], env), { code: 0, stdout: "stopped\n", stderr: "" });
    }
  });
});

test("a file that should say where a server is, and is a pipe, a device or large, keeps nobody waiting", { timeout: 60_000 }, async () => {
  await inDataDir(async (dir) => {
    const file = join(dir, "server.json");
    const all = [
      () => spawnSync("mkfifo", [file]),
      () => symlinkSync("/dev/zero", file),
      () => truncateSync(openedNew(file), 8 * 1024 ** 3),
    ];
    for (const make of all) {
      make();
      assert.equal(findServerUrl(dir), null);
      assert.equal(findRunningServer(dir), null);
      rmSync(file);
    }
  });
});

function openedNew(file: string): string {
  writeFileSync(file, "");
  return file;
}

test("a command that is to be typed keeps the settings that were given, and asks root for no sudo", () => {
  const started = (env: NodeJS.ProcessEnv, uid: number) => ({
    env: { PATH: "/bin", ...env },
    argv: ["node", "/bin/capsuled"],
    cwd: () => "/",
    getuid: () => uid,
  });
  const env = {
    CAPSULED_DATA_DIR: "/a b",
    CAPSULED_PORT: "9000",
    CAPSULED_DATABASE_URL: "postgres://u:secret@h/d",
    CAPSULED_API_KEY: "wrn_x",
  };
  const kept = `CAPSULED_DATA_DIR='/a b' CAPSULED_PORT=9000 CAPSULED_DATABASE_URL="$CAPSULED_DATABASE_URL" capsuled start`;
  assert.equal(toRun(started(env, 0), "start", { starts: true }), kept);
  assert.equal(toRun(started(env, 1000), "start", { starts: true }), `sudo ${kept}`);
  assert.equal(toRun(started({ SUDO_USER: "me" }, 0), "stop"), "sudo capsuled stop");
  assert.equal(toRun(started(env, 1000), "stop"), "CAPSULED_DATA_DIR='/a b' capsuled stop");
});

test("a server that does not run is expected on its port, and a key that is wrong is told by where it came from", async () => {
  await inDataDir(async (dir) => {
    const away = await capsuled(dir, ["ls"], { CAPSULED_PORT: "9", CAPSULED_API_KEY: "wrn_x" });
    assert.equal(away.code, 69);
    // Other tests may have servers of their own on this machine, and then those are told.
    assert.match(away.stderr, /No server answers at http:\/\/127\.0\.0\.1:9: |No server uses the data directory /);
    const doctor = await capsuled(dir, ["doctor"], { CAPSULED_PORT: "9", CAPSULED_DRIVER: "fake" });
    assert.match(
      doctor.stdout,
      new RegExp(
        `server +(?:does not run on this machine\n +→ [^\n]*CAPSULED_DATA_DIR=${dir}[^\n]*CAPSULED_PORT=9[^\n]* capsuled start|none uses the usual data directory\n +→ .*:(?:\n +CAPSULED_DATA_DIR=\\S+ capsuled doctor   .*)+)\n`,
      ),
    );
    const file = join(dir, "capsuled/config.json");
    mkdirSync(join(dir, "capsuled"));
    writeFileSync(
      file,
      JSON.stringify({ servers: { build: { url: "http://127.0.0.1:9", api_key: "wrn_1" }, bare: { url: "http://127.0.0.1:9" } } }),
    );
    writeFileSync(join(dir, "admin-key"), "wrn_2");
    const env = { XDG_CONFIG_HOME: dir, CAPSULED_DATA_DIR: dir };
    assert.deepEqual(
      [
        keyOrigin({ ...env, CAPSULED_API_KEY: "wrn_e" }, "build", "wrn_k"),
        keyOrigin({ ...env, CAPSULED_API_KEY: "wrn_e" }, "build"),
        keyOrigin({ ...env, CAPSULED_API_KEY: "wrn_e" }, "bare"),
        keyOrigin(env, "bare"),
        keyOrigin({ XDG_CONFIG_HOME: dir, CAPSULED_DATA_DIR: "/nonexistent" }, "http://elsewhere.test"),
      ],
      ["--key", `the server "build" in ${file}`, "CAPSULED_API_KEY", join(dir, "admin-key"), "nowhere"],
    );
  });
});

test("a lock is a process's own on that file", () => {
  const locks = "1: POSIX  ADVISORY  WRITE 4711 fe:00:393219 0 EOF\n2: FLOCK  ADVISORY  WRITE 12 00:1f:77 0 EOF\n";
  assert.deepEqual(
    [isLocker(locks, 4711, 393219), isLocker(locks, 4711, 77), isLocker(locks, 471, 393219), isLocker("", 1, 1)],
    [true, false, false, false],
  );
});

async function listening(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    const url = /listening on (http:\S+)/.exec(text)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`the server ended: ${text}`);
}

test("a data directory that is no absolute path is refused before anything is made there", async () => {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-cli-"));
  try {
    const told = spawnSync(process.execPath, [CLI, "start"], {
      cwd: dir,
      env: { ...settings(dir), CAPSULED_DATA_DIR: "data" },
      encoding: "utf8",
    });
    assert.deepEqual([told.status, told.stderr], [78, 'capsuled: CAPSULED_DATA_DIR: "data" must be an absolute path\n']);
    assert.deepEqual(readdirSync(dir), []);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
