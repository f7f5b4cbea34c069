import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import type { ProcessStream } from "../../core/ports/agent-link.ts";
import { IDS } from "../testing/fake-services.ts";
import { connect } from "../testing/socket-client.ts";
import { createWorld } from "../testing/world.ts";
import { SOCKET_LIMITS } from "./limits.ts";
import { Outbound } from "./outbound.ts";

test("so many messages wait for the start of their process and reach it; the next are refused, and the socket stays", async () => {
  await using world = await createWorld();
  const { stream } = world.services;
  let begin: (stream: ProcessStream) => void = () => {};
  const begun = new Promise<ProcessStream>((resolve) => (begin = resolve));
  world.services.processes.prepareStream = async () => ({ start: () => begun });
  const client = await connect(world, `/v1/capsules/${IDS.running}/exec/stream`);
  client.send({ type: "start", cmd: "cat", stdin: true });
  for (let count = 0; count < SOCKET_LIMITS.earlyMessagesMax; count += 1) client.send({ type: "stdin", data: `${count}\n` });
  client.send({ type: "stdin", data: "one too many\n" });
  const refusal = await client.next();
  assert.ok(refusal.type === "error" && refusal.code === "bad_message", JSON.stringify(refusal));
  begin(stream);
  assert.equal((await client.next()).type, "start");
  client.send({ type: "stdin_close" });
  await stream.called("closeStdin");
  const expected = Array.from({ length: SOCKET_LIMITS.earlyMessagesMax }, (_, count) => `${count}\n`);
  assert.equal(Buffer.concat(stream.stdin).toString(), expected.join(""));
  stream.exit();
  assert.equal(await client.closed, 1000);
});

test("records that wait are joined up to a message's bound, and none is lost over it", () => {
  const lengths: number[] = [];
  const pending: (() => void)[] = [];
  const write = (message: string | Buffer, done: () => void): void => {
    lengths.push(z.object({ data: z.string() }).parse(JSON.parse(message.toString())).data.length);
    pending.push(done);
  };
  const outbound = new Outbound(
    SOCKET_LIMITS,
    write,
    () => {},
    () => {},
  );
  const most = SOCKET_LIMITS.messageCharsMax;
  const data = "x".repeat(most / 4);
  for (let seq = 1; seq <= 14; seq += 1) outbound.pushOutput({ kind: "stdout", data, firstSeq: seq, seq, encoding: "utf-8" });
  while (pending.length > 0) pending.shift()?.();
  assert.ok(
    lengths.every((length) => length <= most),
    JSON.stringify(lengths),
  );
  assert.ok(lengths.includes(most), "and up to it they are");
  assert.equal(
    lengths.reduce((sum, length) => sum + length, 0),
    14 * data.length,
  );
});
