import { closeSync, fstatSync, openSync } from "node:fs";
import { z } from "zod";
import type { KeptProcess } from "./kept-process.ts";
import type { ProgramSpec } from "./launcher-run.ts";

/** What a launcher is to make a network namespace of, in this order. */
export interface NamespaceSpec {
  /** How far it leaves the processor to others, as `nice` counts. */
  readonly nice: number;
  /** Runs on the host; `{pid}` in its input is the number of a process that is in the namespace. */
  readonly connect: ProgramSpec;
  /** Files of `/proc/sys` with their content. */
  readonly settings: Readonly<Record<string, string>>;
  readonly inside: readonly ProgramSpec[];
}

const made = z.object({ pid: z.int(), inode: z.int() });

/**
 * A new network namespace as a descriptor, and nothing else: it ends with whoever holds it last, so no crash can leave one.
 * @throws what the step answers, as `fail` has it
 */
export async function namespaceByLauncher(
  kept: KeptProcess,
  spec: NamespaceSpec,
  timeoutMs: number,
  fail: (answer: Readonly<Record<string, unknown>>) => Error,
): Promise<number> {
  const opened = new AbortController();
  let descriptor: number | null = null;
  let failure: unknown = null;
  const onPiece = (piece: unknown): void => {
    try {
      const { pid, inode } = made.parse(piece);
      descriptor = openThat(pid, inode);
    } catch (error) {
      failure = error;
    }
    opened.abort();
  };
  try {
    const answer = await kept.step(["network-namespace"], { spec, timeoutMs, signal: opened.signal, onPiece });
    failure ??= fail(answer);
  } catch (error) {
    failure ??= error;
  }
  if (descriptor !== null) return descriptor;
  throw failure;
}

/** The process waits to be given up; were it killed before, another one could have its number. */
function openThat(pid: number, inode: number): number {
  const opened = openSync(`/proc/${pid}/ns/net`, "r");
  if (fstatSync(opened).ino === inode) return opened;
  closeSync(opened);
  throw new Error("The process that made a network namespace is gone.");
}
