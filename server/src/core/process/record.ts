import { processEndFacts } from "@capsuled/contract";
import { z } from "zod";

/** The facts of an end, in the form in which they are stored and told; null where nobody saw it. */
export const processEnd = z.object(processEndFacts);
export type ProcessEndFacts = z.output<typeof processEnd>;

/** A process that the agent's log has told of. */
export interface ProcessStart {
  readonly id: string;
  readonly pid: number;
  /** `""` is none. */
  readonly tag: string;
  readonly cmd: string;
  readonly args: readonly string[];
  /** Unix milliseconds. */
  readonly startedAt: number;
}

/** A process as the store knows it. */
export interface ProcessRecord extends ProcessStart {
  readonly capsuleId: string;
  readonly teamId: string;
  /** `null` while it runs. */
  readonly endedAt: number | null;
  readonly end: ProcessEndFacts | null;
}
