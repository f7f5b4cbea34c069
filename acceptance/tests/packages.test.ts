import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { cli, startCli } from "../harness/cli.ts";
import type { CliEnd } from "../harness/cli.ts";
import { blocksOf } from "../harness/guide.ts";
import { endServer, startServer } from "../harness/server-process.ts";
import { readState, writeState } from "../harness/state.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "capsuled-packages-"));
const project = join(dir, "project");
after(() => rmSync(dir, { recursive: true, force: true }));

/** The contract's package needs another from a registry; the server has both within. */
const CONTRACT = /capsuled-contract-/;

test("npm pack of each package installs into an empty project, without a registry", () => {
  const packed = execFileSync(process.execPath, [join(root, "scripts/pack.ts"), join(dir, "packed")], { encoding: "utf8" })
    .trim()
    .split("\n");
  assert.equal(packed.length, 5);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  const offline = ["install", "--offline", "--no-audit", "--no-fund", "--silent", "--cache", join(dir, "cache")];
  execFileSync("npm", [...offline, ...packed.filter((file) => !CONTRACT.test(file))], { cwd: project });
  const names = (path: string): readonly string[] =>
    readdirSync(join(project, "node_modules", path)).filter((name) => !name.startsWith("."));
  assert.deepEqual(names(".").toSorted(), ["@capsuled", "capsuled"]);
  assert.deepEqual(names("@capsuled").toSorted(), [`agent-linux-${process.arch}`, "cli", "server"]);
});

test("what is packed was built: no source in TypeScript, no tests, no file of this machine's", () => {
  const server = join(project, "node_modules/@capsuled/server");
  const files = readdirSync(server, { recursive: true, encoding: "utf8" });
  assert.ok(files.length > 500, `${files.length} files`);
  assert.deepEqual(
    files.filter((file) => /\.ts$|^lib\/.*(\.test\.|testing\/)/.test(file)),
    [],
  );
  const naming = files.filter((file) => /^lib\/.*\.js$/.test(file) && readFileSync(join(server, file), "utf8").includes(root));
  assert.deepEqual(naming, []);
});

test("the installed SDK's types hold in a strict project without Node's own", () => {
  writeFileSync(
    join(project, "program.ts"),
    `import { Capsule } from "capsuled";
import type { CommandResult, ProcessEvent, schemas } from "capsuled";
const capsule: Capsule = await Capsule.create({ template: "minimal", memory_mb: 128 });
const info: schemas.Capsule = capsule.info;
const result: CommandResult = await capsule.commands.run("true");
for await (const event of capsule.commands.stream("x", ["y"])) {
  const one: ProcessEvent = event;
  if (one.type === "exit") console.log(one.exit_code satisfies number, one.verified satisfies boolean, info.id, result.stdout);
}
`,
  );
  const compilerOptions = {
    module: "nodenext",
    target: "es2022",
    lib: ["es2024", "dom", "dom.asynciterable", "esnext.disposable"],
    strict: true,
    noEmit: true,
    types: [],
  };
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...compilerOptions, skipLibCheck: false }, files: ["program.ts"] }),
  );
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", project], { encoding: "utf8" });
});

test("the SDK's quick start runs as it is written, on the installed package", () => {
  const { url, adminKey } = readState();
  const blocks = blocksOf("sdk/typescript/README.md");
  const code = blocks.find(({ language }) => language === "js")?.text ?? "";
  const shown = blocks.find(({ language }) => language === "text")?.text;
  writeFileSync(join(project, "quick-start.mjs"), code);
  const printed = execFileSync(process.execPath, ["quick-start.mjs"], {
    cwd: project,
    encoding: "utf8",
    env: { CAPSULED_URL: url, CAPSULED_API_KEY: adminKey },
  });
  assert.equal(printed, shown);
});

/** The installed command line, with these settings and none of the server under test's. */
function installed(args: readonly string[], env: Readonly<Record<string, string>>): Promise<CliEnd> {
  const program = [process.execPath, join(project, "node_modules/.bin/capsuled")];
  return startCli(args, { CAPSULED_URL: "", CAPSULED_API_KEY: "", ...env }, program).ended;
}

test("the installed command line runs a command in a capsule, and the clone's does the same", async () => {
  const { url, adminKey } = readState();
  const ended = await installed(["run", "--", "sh", "-c", "echo hello; exit 3"], { CAPSULED_URL: url, CAPSULED_API_KEY: adminKey });
  assert.deepEqual([ended.code, ended.stdout, ended.stderr], [3, "hello\n", ""]);
  const own = await cli(["--version"]);
  assert.match(own.stdout, /^capsuled {2}\d+\.\d+\.\d+\nserver {4}/);
});

test("what is not installed beside the command line is named, with what installs it", async () => {
  const modules = join(project, "node_modules/@capsuled");
  const env = { CAPSULED_DATA_DIR: join(dir, "data") };
  const without = async (name: string, args: readonly string[]): Promise<CliEnd> => {
    renameSync(join(modules, name), join(dir, "away"));
    try {
      return await installed(args, env);
    } finally {
      renameSync(join(dir, "away"), join(modules, name));
    }
  };
  const start = await without("server", ["start"]);
  assert.equal(start.code, 69);
  assert.equal(start.stderr, "capsuled: The server is not installed beside this program: npm install @capsuled/server\n");
  assert.match((await without("server", ["doctor"])).stdout, /warn +host +has no server installed/);
  const doctor = await without(`agent-linux-${process.arch}`, ["doctor"]);
  assert.equal(doctor.code, 1);
  assert.match(doctor.stdout, /bad +agent +no @capsuled\/agent-linux[^\n]*\n +→ Install @capsuled\/agent-linux/);
});

test(
  "the installed server takes over from a clone's: doctor, start, a first exec, an endpoint of a file, stop",
  { timeout: 300_000 },
  async () => {
    const state = readState();
    const env = {
      CAPSULED_DATA_DIR: state.dataDir,
      CAPSULED_PORT: new URL(state.url).port,
      CAPSULED_TEMPLATES: "minimal",
      CAPSULED_URL: "",
    };
    const reached = { ...env, CAPSULED_URL: state.url };
    await endServer(state.pid, "SIGTERM");
    try {
      const doctor = await installed(["doctor"], env);
      assert.equal(doctor.code, 0, doctor.stdout);
      assert.match(doctor.stdout, /ok +agent[\s\S]*warn +server +does not run[^\n]*\n +→ CAPSULED_DATA_DIR=\S+ [^\n]*capsuled start\n/);
      const start = await installed(["start"], env);
      assert.equal(start.code, 0, start.stderr);
      assert.match(
        start.stdout,
        new RegExp(`^listening on ${state.url}\n[\\s\\S]*capsuled run -- echo hello\nstop it:\n  [^\n]*capsuled stop\n$`),
      );
      const again = await installed(["start"], env);
      assert.deepEqual([again.code, /runs already, with the pid \d+, and listens on http/.test(again.stderr)], [1, true]);
      const pid = /with the pid (\d+)/.exec(again.stderr)?.[1] ?? "";
      assert.match(readFileSync(`/proc/${pid}/cmdline`, "utf8"), /node_modules\/@capsuled\/server\/lib\/main\.js/);
      // The key is found in the data directory.
      assert.deepEqual(await installed(["run", "--", "echo", "hello"], reached), { code: 0, stdout: "hello\n", stderr: "" });
      writeFileSync(join(dir, "capsuled.yaml"), "version: 1\nendpoints:\n  - name: packed\n    command: echo from the package\n");
      const applied = await installed(["endpoints", "apply", "-f", join(dir, "capsuled.yaml")], reached);
      assert.equal(applied.code, 0, applied.stderr);
      const called = await installed(["endpoints", "call", "packed"], reached);
      assert.match(called.stdout, /from the package/, called.stderr);
      await installed(["endpoints", "rm", "packed"], reached);
      assert.match(await (await fetch(`${state.url}/docs`)).text(), /<script[^>]*>[\s\S]{200}/);
    } finally {
      const stop = await installed(["stop"], env);
      assert.equal(stop.code, 0, stop.stderr);
      // Other tests' capsules may be there, and go on.
      assert.match(stop.stdout, /^stopped(?:; \d+ capsules? go(?:es)? on, [^\n]*)?\n$/);
      const port = Number(new URL(state.url).port);
      writeState({ ...state, ...(await startServer({ dataDir: state.dataDir, port, logFile: state.logFile }, 60_000)) });
    }
  },
);
