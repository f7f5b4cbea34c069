import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { get } from "node:http";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { Capsule, CapsuledError } from "capsuled";
import type { schemas } from "capsuled";
import { behaviour } from "../../sdk/testing/behaviour.ts";
import { Dice } from "../chaos/dice.ts";
import { startCli } from "../harness/cli.ts";
import { cuttingProxy } from "../harness/cutting-proxy.ts";
import { sdkCapsule, sdkClient, sdkOptions, through } from "../harness/sdk.ts";
import { newTeam } from "../harness/team.ts";

/** Draws that differ from run to run; a run that fails says which they were, and CAPSULED_CUT_SEED draws them again. */
function diceOf(context: TestContext): Dice {
  const seed = process.env["CAPSULED_CUT_SEED"] ?? randomBytes(4).toString("hex");
  context.diagnostic(`CAPSULED_CUT_SEED=${seed}`);
  return new Dice(seed);
}

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new Blob([new Uint8Array(bytes)]).stream();
}

/** What a call gives, or `null` where it is an error of the SDK's own. Anything else is a failure. */
async function outcomeOf<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    assert.ok(error instanceof CapsuledError, error instanceof Error ? error.stack : String(error));
    return null;
  }
}

/** Another way to the capsule, whose first connection of many is cut at a place that `Dice` draws; the capsule's facts come by another. */
async function cutting(capsule: Capsule, answerBytes: () => number | null, sentBytes: () => number | null) {
  let isArmed = false;
  const proxy = await cuttingProxy(
    () => (isArmed ? answerBytes() : null),
    () => (isArmed ? sentBytes() : null),
  );
  // A repeat is cut as well: soon what fails is told.
  const cut = await Capsule.connect(capsule.id, sdkOptions({ url: proxy.url, retryForMs: 500 }));
  isArmed = true;
  return { proxy, cut };
}

behaviour("error.cut-transfers", async (context) => {
  const dice = diceOf(context);
  await using capsule = await sdkCapsule();
  const bytes = randomBytes(1_500_000);
  await capsule.files.write("/workspace/tree/data", bytes);
  await capsule.files.write("/workspace/tree/small", "small");
  const archive = await bytesOf(await capsule.files.readArchive("/workspace/tree"));
  for (let round = 0; round < 6; round += 1) {
    // Each connection is cut while something comes, from its first byte to beyond its last.
    const { proxy, cut } = await cutting(
      capsule,
      () => dice.size(1, 2_000_000),
      () => null,
    );
    await using _down = proxy;
    const read = await outcomeOf(cut.files.read("/workspace/tree/data"));
    if (read !== null) assert.equal(digestOf(read), digestOf(bytes));
    const streamed = await outcomeOf(cut.files.readStream("/workspace/tree/data").then(bytesOf));
    if (streamed !== null) assert.equal(digestOf(streamed), digestOf(bytes));
    const packed = await outcomeOf(cut.files.readArchive("/workspace/tree").then(bytesOf));
    if (packed !== null) assert.equal(digestOf(packed), digestOf(archive));
  }
  for (let round = 0; round < 6; round += 1) {
    // Each connection is cut while something is sent.
    const { proxy, cut } = await cutting(
      capsule,
      () => null,
      () => dice.size(1, 2_000_000),
    );
    await using _up = proxy;
    const [before, after] = [randomBytes(100_000), randomBytes(1_500_000)];
    await capsule.files.write("/workspace/up", before);
    const sent = await outcomeOf(cut.files.write("/workspace/up", streamOf(after)));
    const there = digestOf(await capsule.files.read("/workspace/up"));
    assert.ok(
      there === digestOf(after) || (sent === null && there === digestOf(before)),
      "the file is the whole, or what was there before",
    );
    const repeated = await outcomeOf(cut.files.write("/workspace/at-once", after));
    if (repeated === undefined) assert.equal(digestOf(await capsule.files.read("/workspace/at-once")), digestOf(after));
    const unpacked = await outcomeOf(cut.files.writeArchive(`/workspace/out-${round}`, streamOf(archive)));
    if (unpacked !== null) {
      assert.equal(unpacked.entries, 2);
      assert.equal(digestOf(await capsule.files.read(`/workspace/out-${round}/data`)), digestOf(bytes));
    } else if (await capsule.files.exists(`/workspace/out-${round}/data`)) {
      assert.equal(digestOf(await capsule.files.read(`/workspace/out-${round}/data`)), digestOf(bytes), "a member is whole or not there");
    }
  }
  // A watch goes on over cuts, and says where changes may be missing.
  let left = 6;
  await using watching = await cuttingProxy(() => ((left -= 1) >= 0 ? dice.int(1, 3000) : null));
  const watcher = await through(watching.url, capsule);
  await capsule.files.makeDirectory("/workspace/seen");
  let isMissing = false;
  let number = 0;
  for await (const change of watcher.files.watch("/workspace/seen")) {
    if (change.type === "overflow") isMissing = true;
    if (change.type === "created" && change.path.endsWith("/last")) break;
    if (change.type === "watching" || change.type === "overflow" || change.type === "created")
      await capsule.files.write(`/workspace/seen/${left <= 0 ? "last" : (number += 1)}`, "x");
  }
  assert.ok(watching.cuts > 0 && (isMissing || left > 0), `${watching.cuts} cuts, none told`);
  // A build's log is the same, however often it is cut.
  const { key } = await newTeam();
  const direct = sdkClient({ apiKey: key });
  const { id } = await direct.templates.build({ name: "cut", memory_mb: 96, steps: [{ run: "seq 1 300; sleep 1; seq 301 600" }] });
  await using proxy = await cuttingProxy((connection) => (connection > 8 ? null : dice.int(1, 3000)));
  const far = sdkClient({ apiKey: key, url: proxy.url, retryForMs: 60_000 });
  const outputOf = async (log: AsyncIterable<schemas.BuildLogEntry>): Promise<string> => {
    let text = "";
    for await (const entry of log) if (entry.type === "output") text += entry.data;
    return text;
  };
  assert.equal(await outputOf(far.templates.buildLog(id)), await outputOf(direct.templates.buildLog(id)));
  assert.ok(proxy.cuts > 0);
  await direct.templates.delete("cut");
});

test(
  "an answer of a port that is cut on the way is never a whole one to who asked the forwarded port",
  { timeout: 120_000 },
  async (context) => {
    const dice = diceOf(context);
    await using capsule = await sdkCapsule();
    const program =
      "import http.server,os\nos.chdir('/workspace')\nprint('up',flush=True)\nhttp.server.test(http.server.SimpleHTTPRequestHandler,port=3000,bind='127.0.0.1')";
    const bytes = randomBytes(800_000);
    await capsule.files.write("/workspace/data", bytes);
    const { id } = await capsule.commands.exec("python3", ["-c", program], { background: true });
    for await (const event of capsule.commands.connect(id)) if (event.type === "stdout") break;
    let isArmed = false;
    await using proxy = await cuttingProxy(() => (isArmed && dice.chance(0.7) ? dice.size(1, 900_000) : null));
    const forward = startCli(["forward", "--json", capsule.id, "0:3000"], { CAPSULED_URL: proxy.url });
    const first = await new Promise<string>((done) => forward.child.stdout.once("data", done));
    const { url } = JSON.parse(first) as { readonly url: string };
    isArmed = true;
    try {
      let whole = 0;
      for (let round = 0; round < 12; round += 1) {
        // A connection that is let be would carry all the rounds that follow.
        proxy.endAll();
        const got = await download(`${url}data`);
        if (got === null) continue;
        assert.equal(digestOf(got), digestOf(bytes));
        whole += 1;
      }
      assert.ok(proxy.cuts > 0 && whole < 12, `${proxy.cuts} cuts, ${whole} whole`);
    } finally {
      forward.child.kill("SIGINT");
      await forward.ended;
    }
  },
);

/** A body that is whole by its length, or `null`. */
function download(url: string): Promise<Buffer | null> {
  return new Promise((done) => {
    const asked = get(url, { agent: false }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on("data", (piece: Buffer) => pieces.push(piece));
      answer.on("error", () => done(null));
      answer.on("close", () => done(answer.complete && answer.statusCode === 200 ? Buffer.concat(pieces) : null));
    });
    asked.on("error", () => done(null));
  });
}
