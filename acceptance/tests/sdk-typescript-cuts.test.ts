import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Client } from "capsuled";
import type { schemas } from "capsuled";
import { behaviour } from "../../sdk/testing/behaviour.ts";
import { Dice } from "../chaos/dice.ts";
import { cuttingProxy } from "../harness/cutting-proxy.ts";
import { sdkCapsule, sdkClient, sdkOptions, through } from "../harness/sdk.ts";
import { newTeam } from "../harness/team.ts";

/** Cuts the first connections after random bytes of their answers, and then lets them be. */
function cutsOf(name: string, count: number, bytesMax: number): (connection: number) => number | null {
  const dice = new Dice(name);
  return (connection) => (connection > count ? null : dice.int(1, bytesMax));
}

behaviour("stream.resume", async () => {
  const program = `
import sys, hashlib
for i in range(6000):
    sys.stdout.write(hashlib.sha256(b"o%d" % i).hexdigest() * 3 + "\\n")
    sys.stderr.write(hashlib.sha256(b"e%d" % i).hexdigest() + "\\n")
    if i % 10 == 0: sys.stdout.flush(); sys.stderr.flush()
sys.exit(3)`;
  const expected = { stdout: createHash("sha256"), stderr: createHash("sha256") };
  for (let i = 0; i < 6000; i += 1) {
    expected.stdout.update(`${createHash("sha256").update(`o${i}`).digest("hex").repeat(3)}\n`);
    expected.stderr.update(`${createHash("sha256").update(`e${i}`).digest("hex")}\n`);
  }
  await using capsule = await sdkCapsule();
  await using proxy = await cuttingProxy(cutsOf("stream.resume", 16, 120_000));
  const cut = await through(proxy.url, capsule);
  const found = { stdout: createHash("sha256"), stderr: createHash("sha256") };
  const types: string[] = [];
  for await (const event of cut.commands.stream("python3", ["-c", program])) {
    if (event.type === "stdout" || event.type === "stderr") found[event.type].update(event.bytes);
    else types.push(event.type);
    if (event.type === "exit") assert.deepEqual([event.exit_code, event.verified], [3, true]);
  }
  assert.deepEqual(types, ["start", "exit"]);
  assert.equal(found.stdout.digest("hex"), expected.stdout.digest("hex"));
  assert.equal(found.stderr.digest("hex"), expected.stderr.digest("hex"));
  assert.ok(proxy.cuts > 8, `${proxy.cuts} connections were cut`);
});

behaviour("stream.stdin-resume", async () => {
  await using capsule = await sdkCapsule();
  await using proxy = await cuttingProxy(cutsOf("stream.stdin-resume", 12, 300_000));
  const cut = await through(proxy.url, capsule);
  const sent = randomBytes(3_000_000);
  const stream = cut.commands.stream("cat; echo end >&2", { stdin: true });
  const writing = (async () => {
    for (let at = 0; at < sent.length; at += 70_001) await stream.write(sent.subarray(at, at + 70_001));
    await stream.closeStdin();
  })();
  writing.catch(() => {});
  const got: Uint8Array[] = [];
  let told = "";
  for await (const event of stream) {
    if (event.type === "stdout") got.push(event.bytes);
    if (event.type === "stderr") told += event.data;
    if (event.type === "exit") assert.deepEqual([event.exit_code, event.verified], [0, true]);
  }
  await writing;
  assert.equal(told, "end\n");
  assert.ok(Buffer.concat(got).equals(sent), `${Buffer.concat(got).length} bytes came`);
  assert.ok(proxy.cuts > 5, `${proxy.cuts} connections were cut`);
});

behaviour("exec.exactly-once", async () => {
  await using capsule = await sdkCapsule();
  const dice = new Dice("exec.exactly-once");
  // Two of three connections are cut somewhere in their first answer, the third one somewhere later.
  await using proxy = await cuttingProxy((connection) => (connection % 3 === 0 ? dice.int(1000, 2500) : dice.int(1, 900)));
  const cut = await through(proxy.url, capsule);
  for (let number = 0; number < 12; number += 1) {
    const result = await cut.commands.run(`echo ${number} >> /tmp/ran; head -c 300 /dev/zero | tr '\\0' x; echo ${number}`);
    assert.equal(result.stdout, `${"x".repeat(300)}${number}\n`);
  }
  assert.equal((await capsule.commands.run("cat /tmp/ran")).stdout, Array.from({ length: 12 }, (_, number) => `${number}\n`).join(""));
  assert.ok(proxy.cuts > 5, `${proxy.cuts} connections were cut`);
});

behaviour("retry.create-once", async () => {
  const { key } = await newTeam();
  const dice = new Dice("retry.create-once");
  await using proxy = await cuttingProxy((connection) => (connection % 3 === 0 ? null : dice.int(1, 700)));
  const cut = new Client(sdkOptions({ url: proxy.url, apiKey: key, retryForMs: 60_000 }));
  const direct = sdkClient({ apiKey: key });
  for (let number = 0; number < 4; number += 1) {
    await using capsule = await cut.capsules.create({ metadata: { number: String(number) } });
    const found: string[] = [];
    for await (const { id } of direct.capsules.list()) found.push(id);
    assert.deepEqual(found, [capsule.id]);
  }
  assert.ok(proxy.cuts > 2, `${proxy.cuts} connections were cut`);
});

behaviour("terminal.resume", async () => {
  await using capsule = await sdkCapsule();
  await using proxy = await cuttingProxy(cutsOf("terminal.resume", 12, 16_000));
  const cut = await through(proxy.url, capsule);
  const terminal = await cut.pty.open({ cmd: "/bin/sh", args: ["-c", "seq 1 20000; exit 5"] });
  let text = "";
  for await (const event of terminal) {
    if (event.type === "output") text += Buffer.from(event.bytes).toString("latin1");
    if (event.type === "output") assert.equal(event.gap_bytes, 0);
    if (event.type === "exit") assert.equal(event.exit_code, 5);
  }
  assert.equal(text, Array.from({ length: 20_000 }, (_, index) => `${index + 1}\r\n`).join(""));
  assert.ok(proxy.cuts > 5, `${proxy.cuts} connections were cut`);
});

behaviour("endpoint.resume", async () => {
  const { key } = await newTeam();
  const direct = sdkClient({ apiKey: key });
  await direct.endpoints.define("lines", { command: "seq 1 4000; exit 2", shell: true });
  await using proxy = await cuttingProxy(cutsOf("endpoint.resume", 15, 20_000));
  const cut = new Client(sdkOptions({ url: proxy.url, apiKey: key, retryForMs: 60_000 }));
  const lines: string[] = [];
  for await (const event of cut.endpoints.stream("lines")) {
    if (event.type === "output") lines.push(event.data);
    else assert.ok(event.type === "done" && event.exit_code === 2);
  }
  assert.deepEqual(
    lines,
    Array.from({ length: 4000 }, (_, index) => String(index + 1)),
  );
  const runs: string[] = [];
  for await (const { id } of direct.runs.list({ endpoint: "lines" })) runs.push(id);
  assert.equal(runs.length, 1, "the command has run once");
  assert.ok(proxy.cuts > 5, `${proxy.cuts} connections were cut`);
});

behaviour("event.follow", async () => {
  const { key } = await newTeam();
  const direct = sdkClient({ apiKey: key });
  const dice = new Dice("event.follow");
  await using proxy = await cuttingProxy((connection) => (connection > 12 ? null : dice.int(1, 4_000)));
  const cut = new Client(sdkOptions({ url: proxy.url, apiKey: key, retryForMs: 60_000 }));
  const abort = new AbortController();
  const seen: schemas.Event[] = [];
  const following = (async () => {
    for await (const event of cut.events.follow({ from: "start", signal: abort.signal })) {
      assert.ok(event.type !== "gap", "nothing was removed");
      seen.push(event);
      if (event.type === "capsule.destroyed") abort.abort(new Error("enough"));
    }
  })();
  following.catch(() => {});
  {
    await using capsule = await direct.capsules.create();
    for (let round = 0; round < 6; round += 1) {
      await capsule.pause();
      await capsule.resume();
      await capsule.commands.run("true", { background: true, tag: `round-${round}` });
    }
  }
  await assert.rejects(following, /enough/);
  const all: schemas.Event[] = [];
  for await (const event of direct.events.list({ order: "asc" })) all.push(event);
  assert.deepEqual(
    seen.map(({ id }) => id),
    all.slice(0, seen.length).map(({ id }) => id),
  );
  assert.ok(seen.length >= 20 && seen[0]?.type === "capsule.created", `${seen.length} events`);
});
