import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { findBrowser, openPage } from "../harness/browser.ts";
import { cuttingProxy } from "../harness/cutting-proxy.ts";
import type { Runtime } from "../harness/runtimes.ts";
import { bun, deno, hostNode } from "../harness/runtimes.ts";
import { PAGES_ORIGIN } from "../harness/server-process.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const project = mkdtempSync(join(tmpdir(), "capsuled-runtimes-"));
after(() => rmSync(project, { recursive: true, force: true }));

/** What everyone who takes the tour sees. */
const SEEN = {
  created: "running",
  run: ["out\n", "err\n", 3],
  missing: 127,
  stdin: "HELLO",
  end: [4, true],
  streamed: 60_000,
  inOrder: true,
  read: 300_000,
  same: true,
  events: ["one", "two", "done"],
  called: 2,
  gone: "not_found",
  wrongKey: "unauthorized",
};

/** What is streamed takes more than one connection for as long as they are cut; no cut comes before something was streamed. */
const cut = (connection: number): number | null => (connection <= 8 ? 120_000 : null);

before(() => {
  const packed = execFileSync(process.execPath, [join(root, "scripts/pack.ts"), project, "capsuled"], { encoding: "utf8" }).trim();
  mkdirSync(join(project, "node_modules/capsuled"), { recursive: true });
  execFileSync("tar", ["-xzf", packed, "--strip-components=1", "-C", join(project, "node_modules/capsuled")]);
  // What Node 20 needs beside the SDK, and the others have of their own.
  cpSync(join(root, "node_modules/ws"), join(project, "node_modules/ws"), { recursive: true });
  for (const name of ["tour", "main", "page"]) {
    const source = readFileSync(join(root, `acceptance/runtimes/${name}.ts`), "utf8");
    writeFileSync(join(project, `${name}.js`), stripTypeScriptTypes(source).replaceAll('.ts";', '.js";'));
  }
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "tour", private: true, type: "module" }));
});

/** Takes the tour in a process of its own, by the packed SDK. */
async function takeTour(command: readonly string[]): Promise<unknown> {
  const { key } = await newTeam();
  await using proxy = await cuttingProxy(cut);
  const settings = JSON.stringify({ url: readState().url, cutUrl: proxy.url, apiKey: key });
  const [program = "", ...args] = command;
  const child = spawn(program, [...args, "main.js", settings], {
    cwd: project,
    env: { PATH: process.env["PATH"] ?? "", HOME: project, DENO_DIR: join(project, ".deno"), DENO_NO_UPDATE_CHECK: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const code = await new Promise<number | null>((done) => child.once("close", done));
  assert.equal(code, 0, stderr);
  assert.ok(proxy.cuts >= 2, `${proxy.cuts} cuts`);
  return JSON.parse(stdout);
}

const node = hostNode();
for (const [name, runtime] of [
  [`Node ${process.version}, the server's own`, { command: [process.execPath] }],
  [`Node ${node.version}, the host's own`, node],
  ["Deno, with no permission but the network", deno()],
  ["Bun", bun()],
] as const satisfies readonly (readonly [string, Runtime])[]) {
  const skip = "missing" in runtime ? runtime.missing : false;
  test(`the packed SDK does in ${name} what it does elsewhere, over cut connections too`, { skip, timeout: 180_000 }, async () => {
    assert.deepEqual(await takeTour("command" in runtime ? runtime.command : []), SEEN);
  });
}

const browser = findBrowser();

test(
  "the packed SDK, bundled for a page of another origin, does in a browser what it does elsewhere",
  { skip: "missing" in browser ? browser.missing : false, timeout: 180_000 },
  async () => {
    const lib = { entry: join(project, "page.js"), name: "page", formats: ["iife" as const], fileName: () => "page.js" };
    await build({ root: project, configFile: false, logLevel: "error", build: { lib, outDir: join(project, "dist") } });
    const script = readFileSync(join(project, "dist/page.js"), "utf8");
    assert.ok(!/<\/script/i.test(script), "it can stand within a page");
    const { key } = await newTeam();
    await using proxy = await cuttingProxy(cut);
    await using page = await openPage(
      "program" in browser ? browser.program : "",
      PAGES_ORIGIN,
      `<!doctype html><title>a page</title><script>${script}</script>`,
    );
    const settings = JSON.stringify({ url: readState().url, cutUrl: proxy.url, apiKey: key });
    assert.deepEqual(await page.evaluate(`tour(${JSON.stringify(settings)})`), SEEN);
    assert.ok(proxy.cuts >= 2, `${proxy.cuts} cuts`);
  },
);
