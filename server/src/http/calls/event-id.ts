import { RUN_ID } from "@capsuled/contract";
import type { RunPosition } from "../../core/run/output.ts";

/** How far a reader has come: the lines it had, and beyond them the transformer's result, or the end. */
export interface Place {
  readonly runId: string;
  readonly position: RunPosition;
  readonly passed: "lines" | "transformed" | "end";
}

const EVENT_ID = /^(run-[0-9a-z]{25})\.(0|[1-9][0-9]{0,14})\.(0|[1-9][0-9]{0,14})(?:\.(transformed|end))?$/;

/** Reads an event's id, `<run>.<stdout bytes>.<stderr bytes>`; `null` for what is none. */
export function parseEventId(text: string): Place | null {
  const [, runId, stdout, stderr, passed] = EVENT_ID.exec(text) ?? [];
  if (runId === undefined || !RUN_ID.test(runId)) return null;
  return {
    runId,
    position: { stdout: Number(stdout), stderr: Number(stderr) },
    passed: passed === "transformed" || passed === "end" ? passed : "lines",
  };
}

export function renderEventId({ runId, position, passed }: Place): string {
  const id = `${runId}.${position.stdout}.${position.stderr}`;
  return passed === "lines" ? id : `${id}.${passed}`;
}
