import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { blocksOf } from "../harness/guide.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const text = (path: string): string => readFileSync(root + path, "utf8");
const blocks = blocksOf("docs/guides/operating.md");
const unit = blocks.find(({ language }) => language === "ini")?.text ?? "";
const told = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(unit)?.[1] ?? assert.fail(`the unit has no ${name}`);

test("the guide's unit starts the file that the package calls its program", () => {
  const program = /"\.\/main": "\.(\/lib\/[^"]+)"/.exec(text("scripts/pack/server.ts"))?.[1];
  assert.ok(program !== undefined);
  assert.ok(told("ExecStart").endsWith(`/@capsuled/server${program}`), told("ExecStart"));
});

test("the exit that the guide's unit takes for final is that of a wrong setting", () => {
  const env = { PATH: process.env["PATH"] ?? "", CAPSULED_PORT: "none" };
  const { status, stderr } = spawnSync(process.execPath, [`${root}server/src/main.ts`], { env, encoding: "utf8", timeout: 120_000 });
  assert.equal(String(status), told("RestartPreventExitStatus"), stderr);
});

test("the guide's unit gives the server longer to stop than the server takes", () => {
  const settings = text("docs/config.md");
  const shutdownMs = /^\| `CAPSULED_SHUTDOWN_MS` \| [^|]+\| `(\d+)` ms/m.exec(settings)?.[1];
  assert.ok(Number(told("TimeoutStopSec")) * 1000 > Number(shutdownMs));
});

test("the packages that the guide has packed are there to be packed", () => {
  const [, names = ""] =
    /^node_modules\/\.bin\/node scripts\/pack\.ts packed (.+)$/m.exec(blocks.map((block) => block.text).join("")) ?? [];
  const known = text("scripts/pack.ts");
  assert.equal(names.split(" ").length, 4);
  for (const name of names.split(" "))
    if (!name.startsWith("@capsuled/agent-")) assert.match(known, new RegExp(`^  "?${name}"?: `, "m"), name);
});
