import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerMessage } from "@capsuled/contract";
import fc from "fast-check";
import type { OutputRecord } from "../../core/ports/agent-link.ts";
import { completeLength, flushedText } from "../../core/process/text.ts";
import { IDS } from "../testing/fake-services.ts";
import { endOf, FakeStream } from "../testing/fake-stream.ts";
import { connect } from "../testing/socket-client.ts";
import type { World } from "../testing/world.ts";
import { createWorld } from "../testing/world.ts";

type Kind = OutputRecord["kind"];
interface Journal {
  readonly records: readonly OutputRecord[];
  readonly bytes: Readonly<Record<Kind, Buffer>>;
}

/** Bytes of every length of character, whole and begun, and ones that are none. */
const piece = fc
  .constantFrom("41", "c3", "c3a9", "e2", "e282", "82ac", "f0", "f09f98", "80", "0a", "ff")
  .map((hex) => Buffer.from(hex, "hex"));
const journal = fc.array(fc.tuple(fc.constantFrom<Kind[]>("stdout", "stderr"), piece), { maxLength: 8 }).map((printed): Journal => {
  const bytes = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  const records = printed.map(([kind, added], index): OutputRecord => {
    const before = bytes[kind];
    bytes[kind] = Buffer.concat([before, added]);
    return { kind, seq: index + 1, offset: before.length, tail: before.subarray(completeLength(before)), bytes: added };
  });
  return { records, bytes };
});

/** What a reader of text is sent that comes from this number on. */
async function read(world: World, { records, bytes }: Journal, from: number): Promise<readonly ServerMessage[]> {
  const stream = new FakeStream({ nextSeq: from });
  world.services.processes.prepareStream = async () => ({ start: async () => stream });
  const client = await connect(world, `/v1/capsules/${IDS.running}/exec/stream`);
  client.send({ type: "start", cmd: "true" });
  await stream.called("onEvent");
  for (const record of records) if (record.seq >= from) stream.emit(record);
  const tail = (kind: Kind): Buffer => bytes[kind].subarray(completeLength(bytes[kind]));
  stream.emit(endOf({ seq: records.length + 1, stdoutTail: tail("stdout"), stderrTail: tail("stderr") }));
  assert.equal(await client.closed, 1000);
  assert.equal(client.messages.at(-1)?.type, "exit");
  return client.messages.slice(1);
}

function textOf(messages: readonly ServerMessage[], kind: Kind): string {
  return messages.map((message) => (message.type === kind ? message.data : "")).join("");
}

async function holdsAtEveryCut(world: World, whole: Journal): Promise<void> {
  const uncut = await read(world, whole, 1);
  for (const kind of ["stdout", "stderr"] as const)
    assert.equal(textOf(uncut, kind), flushedText(whole.bytes[kind]), "the text of the whole stream");
  for (const [index, message] of uncut.entries()) {
    if (message.type !== "stdout" && message.type !== "stderr") continue;
    const rest = await read(world, whole, message.seq + 1);
    for (const kind of ["stdout", "stderr"] as const)
      assert.equal(textOf(rest, kind), textOf(uncut.slice(index + 1), kind), `${kind} after message ${index} of ${JSON.stringify(uncut)}`);
    assert.deepEqual(rest.at(-1), uncut.at(-1), "the same end");
  }
}

test("a reader of text that is cut off behind any message, and comes back to the number after it, misses and repeats nothing", async () => {
  await using world = await createWorld();
  await fc.assert(
    fc.asyncProperty(journal, (whole) => holdsAtEveryCut(world, whole)),
    { numRuns: 60 },
  );
});

test("where both streams end in the middle of a character, what stands for each has a number of its own", async () => {
  await using world = await createWorld();
  const halves: OutputRecord[] = (["stdout", "stderr"] as const).map((kind, index) => ({
    kind,
    seq: index + 1,
    offset: 0,
    tail: new Uint8Array(0),
    bytes: Buffer.from("c3", "hex"),
  }));
  const whole = { records: halves, bytes: { stdout: Buffer.from("c3", "hex"), stderr: Buffer.from("c3", "hex") } };
  const numbered = (await read(world, whole, 1)).flatMap((message) => ("seq" in message ? [`${message.type} ${message.seq}`] : []));
  assert.deepEqual(numbered, ["stdout 3", "stderr 4", "exit 4"]);
  await holdsAtEveryCut(world, whole);
});
