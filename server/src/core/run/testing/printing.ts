import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { runRecord } from "../../../store/testing/records.ts";
import type { RunPosition } from "../output.ts";
import { RUN_BEGIN } from "../output.ts";
import { PackedMarks } from "../packed-marks.ts";
import type { PackedSource } from "../packed-source.ts";
import { PackedReader } from "../run-reader.ts";
import type { RunStream } from "../run-journal.ts";
import { RunTape } from "../run-tape.ts";
import { StoredSource } from "../stored-source.ts";
import type { StoredOutput } from "../store.ts";
import type { MemoryRunFiles } from "./memory-files.ts";

export const RUN = runRecord({ teamId: "team-a" });

/** Prints with offsets of its own; every byte says where it stands. */
export class Printer {
  readonly #tape: RunTape;
  stdout = 0;
  stderr = 0;

  constructor(tape: RunTape) {
    this.#tape = tape;
  }

  print(stream: RunStream, length: number): void {
    const from = this[stream];
    const bytes = Uint8Array.from({ length }, (_, index) => (from + index) * (stream === "stdout" ? 7 : 13));
    this.#tape.append(stream, from, bytes);
    this[stream] += length;
  }

  /** Bytes that were printed and are lost before anybody saw them. */
  skip(stream: RunStream, length: number): void {
    this[stream] += length;
  }

  /** Pauses as the agent's connection does. */
  async room(): Promise<void> {
    while (this.#tape.isFull) await new Promise<void>((resolve) => this.#tape.onRoom(resolve));
  }

  finish(): void {
    this.#tape.finish({ ...RUN, status: "succeeded", endedAt: 1, stdoutBytes: this.stdout, stderrBytes: this.stderr });
  }
}

export interface Seen {
  stdout: number;
  stderr: number;
  gap: number;
  order: string;
}

/** Reads to the end and checks that each byte is the one that stands there. */
export async function readThrough(source: PackedSource, from: RunPosition = RUN_BEGIN, pauseMs = 0, isLent = false): Promise<Seen> {
  const seen: Seen = { ...from, gap: 0, order: "" };
  const reader = new PackedReader(source, from, isLent);
  for (;;) {
    const item = await reader.next(5000);
    assert.ok(item !== undefined && item.kind !== "idle", "it goes on");
    if (item.kind === "end") break;
    if (item.kind === "gap") {
      seen.stdout += item.stdoutBytes;
      seen.stderr += item.stderrBytes;
      seen.gap += item.stdoutBytes + item.stderrBytes;
      continue;
    }
    assert.equal(item.offset, seen[item.stream], "nothing is lost or doubled");
    // What is lent stays what it is for as long as it is looked at.
    if (isLent) await new Promise((resolve) => setImmediate(resolve));
    const factor = item.stream === "stdout" ? 7 : 13;
    for (const [index, byte] of item.bytes.entries()) if (byte !== (((item.offset + index) * factor) & 255)) assert.fail(`byte ${index}`);
    seen[item.stream] += item.bytes.length;
    if (!seen.order.endsWith(item.stream)) seen.order += ` ${item.stream}`;
    if (pauseMs > 0) await sleep(pauseMs);
  }
  assert.equal(await reader.next(0), undefined);
  return seen;
}

export function newTape(files: MemoryRunFiles, fileBytesMax?: number): RunTape {
  return new RunTape(files, RUN.id, { onFileFailure: () => {}, ...(fileBytesMax !== undefined && { fileBytesMax }) });
}

export const storedSource = (files: MemoryRunFiles, printer: Printer, output: StoredOutput, marks = new PackedMarks()): StoredSource =>
  new StoredSource(
    { files, hostId: "host-1", marks, onFileFailure: () => {} },
    { ...RUN, endedAt: 1, stdoutBytes: printer.stdout, stderrBytes: printer.stderr },
    output,
  );
