import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fakeServer, RUNNING } from "../../sdk/typescript/testing/fake-server.ts";
import { waitingText } from "../src/new-capsule.ts";

const CLI = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const LONG = "Its template code-interpreter is being built, which is done once";

/** What `create` prints where the capsule says these things, one each time that it is looked at, before it runs. */
async function created(messages: readonly (string | null)[], ...options: string[]): Promise<readonly [stdout: string, stderr: string]> {
  const left = [...messages];
  const answer = () => ({ status: 200, body: left.length === 0 ? RUNNING : { ...RUNNING, status: "pending", message: left.shift() } });
  await using server = await fakeServer({ answer });
  const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", CAPSULED_URL: server.url, CAPSULED_API_KEY: "wrn_x" };
  const child = spawn(process.execPath, [CLI, "create", ...options], { env, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = [[], []] as [Buffer[], Buffer[]];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  assert.deepEqual(await once(child, "close"), [0, null], Buffer.concat(stderr).toString());
  return [Buffer.concat(stdout).toString(), Buffer.concat(stderr).toString()];
}

test("who creates a capsule whose template is built first is told so in a line for each tenth, and with --json or without a build nothing", async () => {
  const messages = [null, `${LONG}.`, `${LONG}: 45 %, installing a.`, `${LONG}: 46 %, installing b.`, `${LONG}: 51 %, installing c.`];
  assert.deepEqual(await created(messages), [
    `${RUNNING.id}\n`,
    `capsuled: ${LONG}.\ncapsuled: ${LONG}: 45 %, installing a.\ncapsuled: ${LONG}: 51 %, installing c.\n`,
  ]);
  const [json, quiet] = await created(messages, "--json");
  assert.deepEqual([JSON.parse(json), quiet], [RUNNING, ""]);
  assert.deepEqual(await created([null]), [`${RUNNING.id}\n`, ""]);
});

test("beside the spinner stands what is waited for, how far it is and for how long, as wide as there is room", () => {
  const message = `${LONG}: 45 %, installing python3.`;
  for (const [columns, due] of [
    [78, "building the template code-interpreter  45 %  installing python3  72 s"],
    [60, "building code-interpreter  45 %  72 s"],
    [38, "building code-interpreter  45 %  72 s"],
    [30, "building  45 %  72 s"],
  ] as const)
    assert.equal(waitingText(message, 72, columns), due);
  assert.equal(waitingText(`${LONG}.`, 3, 78), "building the template code-interpreter  3 s");
  assert.equal(waitingText("Something else.", 3, 78), "Something else. (3 s)");
});
