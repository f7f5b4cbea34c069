import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { cli, startCli } from "../harness/cli.ts";
import { blocksOf } from "../harness/guide.ts";
import { readState } from "../harness/state.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "capsuled-packages-"));
const project = join(dir, "project");
after(() => rmSync(dir, { recursive: true, force: true }));

test("npm pack of each package installs into an empty project, without a registry", () => {
  const packed = execFileSync(process.execPath, [join(root, "scripts/pack.ts"), join(dir, "packed")], { encoding: "utf8" })
    .trim()
    .split("\n");
  assert.equal(packed.length, 2);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  const install = [
    "install",
    "--offline",
    "--no-audit",
    "--no-fund",
    "--omit=optional",
    "--silent",
    "--cache",
    join(dir, "cache"),
    ...packed,
  ];
  execFileSync("npm", install, { cwd: project });
  assert.deepEqual(
    readdirSync(join(project, "node_modules"))
      .filter((name) => !name.startsWith("."))
      .sort(),
    ["@capsuled", "capsuled"],
  );
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

test("the installed command line runs a command in a capsule, and the clone's does the same", async () => {
  const installed = startCli(["run", "--", "sh", "-c", "echo hello; exit 3"], {}, [
    process.execPath,
    join(project, "node_modules/@capsuled/cli/bin/capsuled.js"),
  ]);
  const { code, stdout, stderr } = await installed.ended;
  assert.deepEqual([code, stdout, stderr], [3, "hello\n", ""]);
  const own = await cli(["--version"]);
  assert.match(own.stdout, /^\d+\.\d+\.\d+\n$/);
});
