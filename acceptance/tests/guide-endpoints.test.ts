import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { findBrowser, openPage } from "../harness/browser.ts";
import { call, expectCall } from "../harness/call.ts";
import { publish } from "../harness/endpoint.ts";
import type { Block } from "../harness/guide.ts";
import { blocksOf, shown } from "../harness/guide.ts";
import { PAGES_ORIGIN } from "../harness/server-process.ts";
import { readState } from "../harness/state.ts";

const run = promisify(execFile);
const GUIDE = "docs/guides/endpoints.md";
const blocks = blocksOf(GUIDE);

let dir = "";
let env: Record<string, string> = {};
before(() => {
  dir = mkdtempSync(join(tmpdir(), "capsuled-guide-"));
});
after(async () => {
  rmSync(dir, { recursive: true, force: true });
  for (const name of ["count", "greet", "deploy", "largest", "visits", "load", "stats", "later", "on-push", "nightly", "hello"])
    await call("deleteEndpoint", { params: { name } });
});

/** A document's commands as they stand, with our URL and data directory; what they export is kept for the next. */
async function shell(text: string): Promise<string> {
  const { url, dataDir } = readState();
  const script = text.replaceAll("http://127.0.0.1:8080", url).replaceAll("/var/lib/capsuled/", `${dataDir}/`);
  const file = join(dir, "environment");
  const { stdout } = await run("bash", ["-c", `set -e -o pipefail\n${script}\nexport ID RUN BODY SIGNATURE\nenv -0 > ${file}`], {
    cwd: dir,
    env: { PATH: process.env["PATH"] ?? "", ...env },
  });
  env = Object.fromEntries(
    readFileSync(file, "utf8")
      .split("\0")
      .filter((line) => /^(KEY|API|OWNER|ID|RUN)=/.test(line))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  return stdout;
}

async function perform(block: Block): Promise<string | null> {
  const { language, name, text } = block;
  if (language === "yaml") writeFileSync(join(dir, name), text);
  if (language === "sh") return shell(text);
  if (language === "js" && name === "")
    return (await run(process.execPath, ["--input-type=module", "-e", text], { cwd: dir, env: { ...process.env, ...env } })).stdout;
  return null;
}

test("the guide's samples do what it says they do, one after another", { timeout: 600_000 }, async () => {
  assert.ok(blocks.length >= 30, `${blocks.length} blocks`);
  let said: string | null = null;
  let compared = 0;
  for (const block of blocks) {
    const where = `${GUIDE}:${block.line}`;
    if (block.language === "text") {
      assert.ok(said !== null, `${where} shows the output of nothing`);
      assert.match(said, shown(block.text), `${where}\n${said}`);
      compared += 1;
      said = null;
    } else {
      said = await perform(block).catch((error: unknown) => {
        throw new Error(`${where} failed: ${String(error)}`, { cause: error });
      });
    }
  }
  assert.ok(compared >= 12, `${compared} outputs`);
});

test("the README's endpoint does what it says", { timeout: 300_000 }, async () => {
  const { url, adminKey } = readState();
  env = { KEY: adminKey, API: `${url}/v1` };
  const block = blocksOf("README.md").find(({ language, text }) => language === "sh" && text.includes("endpoints/import"));
  assert.ok(block !== undefined);
  assert.ok(block.text.trim().split("\n").length <= 10);
  const said = await shell(block.text);
  assert.match(said, /"change":"create"/);
  assert.match(said, /data: \{"type":"output","data":"hello you","stream":"stdout"\}\n/);
});

test("the guide's receiver takes a notification that is signed, and no other", { timeout: 300_000 }, async () => {
  const block = blocks.find(({ name }) => name === "receiver.mjs");
  assert.ok(block !== undefined);
  writeFileSync(join(dir, "receiver.mjs"), block.text);
  const port = await freePort();
  await using one = await publish({ command: "echo built", notify_url: `http://127.0.0.1:${port}/` });
  const { notify_secret: secret = "" } = await expectCall("getEndpoint", 200, { params: { name: one.name } });
  const receiver = spawn(process.execPath, ["receiver.mjs"], {
    cwd: dir,
    env: { ...process.env, NOTIFY_SECRET: secret, PORT: `${port}` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const said = new Promise<string>((done) => receiver.stdout.setEncoding("utf8").once("data", done));
    for (let tries = 0, isUp = false; !isUp; tries++) {
      assert.ok(tries < 300);
      const forged = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "{}", headers: { "webhook-id": "x" } }).catch(
        () => null,
      );
      if (forged !== null) assert.equal(forged.status, 401);
      isUp = forged !== null;
      await new Promise((done) => setTimeout(done, 30));
    }
    await one.json();
    assert.equal(await said, `${one.name} succeeded "built\\n"\n`);
  } finally {
    receiver.kill();
  }
});

const browser = findBrowser();
test(
  "the guide's page reads its events in a real browser",
  { skip: "missing" in browser && browser.missing, timeout: 300_000 },
  async () => {
    const block = blocks.find(({ name }) => name === "browser");
    assert.ok(block !== undefined && !("missing" in browser));
    const { url } = readState();
    await call("deleteEndpoint", { params: { name: "count" } });
    await using one = await publish({ command: "seq 3" }, { name: "count" });
    const { ticket } = await expectCall("createTicket", 201, { body: { path: one.path } });
    await using tab = await openPage(browser.program, PAGES_ORIGIN, "<!doctype html>");
    const said = await tab.evaluate(`new Promise((done) => {
    const [API, OWNER, ticket] = ${JSON.stringify([`${url}/v1`, one.owner, ticket])};
    const said = [];
    console.log = (...words) => { said.push(words.join(" ")); if (words[0] === "done") done(said.join("|")); };
    ${block.text}
  })`);
    assert.equal(said, "output 1|output 2|output 3|done 0");
  },
);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo; // a TCP server's address is one
  await new Promise((done) => server.close(done));
  return port;
}
