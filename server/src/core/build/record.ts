import type { BuildLogEntry, BuildReason, BuildState } from "@capsuled/contract";

/** States of a build that somebody works on, or has left. */
export const UNFINISHED: readonly BuildState[] = ["queued", "building"];

/** The step that failed. */
export interface BuildFailure {
  readonly step: number;
  readonly command: string;
  readonly exitCode: number | null;
  readonly lastLines: string;
}

/** The making of a template from a recipe: its row. Times are unix milliseconds. */
export interface BuildRecord {
  /** `bd-…` */
  readonly id: string;
  readonly teamId: string;
  readonly hostId: string;
  /** Of the template that it makes. */
  readonly templateId: string;
  readonly name: string;
  readonly state: BuildState;
  /** The step under way; 0 is the base, `null` its wait for a turn. */
  readonly step: number | null;
  /** Steps of the recipe. */
  readonly steps: number;
  readonly cachedSteps: number;
  readonly reason: BuildReason | null;
  readonly message: string | null;
  readonly failure: BuildFailure | null;
  /** The capsule that it runs in; chosen before there is one, so that a restarted server finds it. */
  readonly capsuleId: string;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

/** What changes while a build is under way. */
export type BuildChange = Partial<Pick<BuildRecord, "state" | "step" | "cachedSteps" | "startedAt">>;

/** How a build ends. */
export interface BuildEnd extends Pick<BuildRecord, "reason" | "message" | "failure"> {
  readonly state: Extract<BuildState, "ready" | "failed" | "cancelled">;
  readonly endedAt: number;
}

export interface NumberedEntry {
  readonly seq: number;
  readonly entry: BuildLogEntry;
}
