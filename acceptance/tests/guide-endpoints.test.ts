import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { findBrowser, openPage } from "../harness/browser.ts";
import { call, expectCall } from "../harness/call.ts";
import { publish } from "../harness/endpoint.ts";
import { GuideReader } from "../harness/guide-run.ts";
import { blocksOf } from "../harness/guide.ts";
import { PAGES_ORIGIN } from "../harness/server-process.ts";
import { readState } from "../harness/state.ts";

const GUIDE = "docs/guides/endpoints.md";
const blocks = blocksOf(GUIDE);

const reader = new GuideReader(["OWNER", "ID", "RUN", "BODY", "SIGNATURE"], "zsh");
after(async () => {
  reader[Symbol.dispose]();
  for (const name of ["count", "greet", "deploy", "largest", "visits", "load", "stats", "later", "on-push", "nightly", "hello"])
    await call("deleteEndpoint", { params: { name } });
});

test("the guide's samples do what it says they do, one after another, pasted into zsh", { timeout: 300_000 }, async () => {
  assert.ok(blocks.length >= 25, `${blocks.length} blocks`);
  const compared = await reader.follow(GUIDE, blocks);
  assert.ok(compared >= 12, `${compared} outputs`);
});

test("the README's endpoint does what it says, in four lines", { timeout: 60_000 }, async () => {
  reader.env = {};
  const readme = blocksOf("README.md");
  const at = readme.findIndex(({ language, text }) => language === "sh" && text.includes("endpoints/import"));
  const first = readme[at];
  assert.equal(first?.text.trim().split("\n").length, 4);
  assert.equal(await reader.follow("README.md", readme.slice(at, at + 2)), 1);
});

test("the guide's receiver takes a notification that is signed, and no other", { timeout: 300_000 }, async () => {
  const block = blocks.find(({ name }) => name === "receiver.mjs");
  assert.ok(block !== undefined);
  writeFileSync(join(reader.dir, "receiver.mjs"), block.text);
  const port = await freePort();
  await using one = await publish({ command: "echo built", notify_url: `http://127.0.0.1:${port}/` });
  const { notify_secret: secret = "" } = await expectCall("getEndpoint", 200, { params: { name: one.name } });
  const receiver = spawn(process.execPath, ["receiver.mjs"], {
    cwd: reader.dir,
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
    const [CAPSULED_URL, OWNER, ticket] = ${JSON.stringify([url, one.owner, ticket])};
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
