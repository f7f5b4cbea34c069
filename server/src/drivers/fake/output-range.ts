import type { FakeAgent } from "./agent.ts";
import type { JournalRecord } from "./frames.ts";
import { outputSchema, readPayload, Refusal } from "./requests.ts";

export interface OutputRange {
  /** The records of the stream, cut to the range. */
  readonly records: readonly JournalRecord[];
  readonly result: {
    readonly from: number;
    readonly next: number;
    readonly kept_from: number;
    readonly total: number;
    readonly ended: boolean;
  };
}

/** What `output` answers with. Throws `Refusal`. */
export function outputRange(agent: FakeAgent, payload: Buffer): OutputRange {
  const { selector, stream, from, limit } = readPayload(outputSchema, payload);
  const process = agent.processes.find(selector);
  if (process === undefined) throw new Refusal("not_found", "no such process", "selector");
  const { journal } = process;
  const total = stream === "stdout" ? journal.stdoutBytes : journal.stderrBytes;
  if (from > total) throw new Refusal("invalid_offset", `the stream has ${total} bytes`, "from");
  const kept = journal.kept(stream);
  const keptFrom = kept[0]?.offset ?? total;
  const begin = Math.max(from, keptFrom);
  const end = Math.min(begin + limit, total);
  const records = kept
    .filter((record) => record.offset < end && record.offset + record.bytes.length > begin)
    .map((record) => {
      const first = Math.max(0, begin - record.offset);
      return { ...record, offset: record.offset + first, bytes: record.bytes.subarray(first, end - record.offset) };
    });
  return { records, result: { from: begin, next: end, kept_from: keptFrom, total, ended: process.exit !== null } };
}
