import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Capsule } from "capsuled";
import { cli } from "../harness/cli.ts";
import { cuttingProxy } from "../harness/cutting-proxy.ts";
import { meddlingProxy } from "../harness/meddling-proxy.ts";
import { sdkClient } from "../harness/sdk.ts";
import { newTeam } from "../harness/team.ts";

/** Milliseconds that all of it may take: what the program waits for an answer, its repeats, and room for a slow machine. */
const END_MS = 300_000;

let capsule: Capsule;
let client: ReturnType<typeof sdkClient>;
let env: Readonly<Record<string, string>>;
let dir: string;

before(async () => {
  const { key } = await newTeam();
  env = { CAPSULED_API_KEY: key };
  client = sdkClient({ apiKey: key });
  capsule = await client.capsules.create({ name: "box" });
  (await capsule.commands.run("head -c 2000000 /dev/urandom > /workspace/data")).orThrow();
  dir = mkdtempSync(join(tmpdir(), "capsuled-cli-"));
});
after(async () => {
  // Where every answer is cut off, nobody can know what was made.
  for await (const { id } of client.capsules.list()) await (await client.capsules.connect(id)).destroy();
  rmSync(dir, { recursive: true });
});

/** Commands of every kind: one answer, pages, a stream, a transfer, a terminal's socket by its stream, what follows. */
const ASKING: readonly (readonly string[])[] = [
  ["ls"],
  ["create"],
  ["run", "--", "true"],
  ["exec", "box", "--", "true"],
  ["cp", "box:/workspace/data", "-"],
  ["watch", "box:/workspace"],
  ["forward", "box", "0:3000"],
  ["events", "-f"],
  ["rm", "box"],
];

/** How a command ended that had nothing to write to standard output. */
async function endOf(args: readonly string[], url: string): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const { code, stdout, stderr } = await cli(args, { env: { ...env, CAPSULED_URL: url } });
  assert.equal(stdout, "", args.join(" "));
  return { code, stderr };
}

test("every command ends with a text and a code where a server says nothing, or each answer is cut off", { timeout: END_MS }, async () => {
  await using silent = await meddlingProxy(() => ({ silentAfter: 0 }));
  // Within the head of an answer.
  await using cutting = await cuttingProxy(() => 40);
  await using late = await cuttingProxy(() => 1_000_000);
  const waits = ASKING.flatMap((args) => [
    endOf(args, silent.url).then(({ code, stderr }) => {
      assert.equal(code, 124, `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, /^capsuled: http:\S+ did not answer within \d+ ms/);
    }),
    endOf(args, cutting.url).then(({ code, stderr }) => {
      assert.equal(code, 69, `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, /^capsuled: The connection to \S+ broke/);
    }),
  ]);
  // A file that is cut off in its middle is not there.
  const copied = endOf(["cp", "box:/workspace/data", dir], late.url).then(({ code, stderr }) => {
    assert.equal(code, 69, stderr);
    assert.match(stderr, /^capsuled: .*(?:broke|cut)/);
    assert.deepEqual(readdirSync(dir), []);
  });
  await Promise.all([...waits, copied]);
});
