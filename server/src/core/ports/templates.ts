/** What a capsule's file system starts from, as the driver's template store has it. */
export interface Template {
  readonly name: string;
  readonly state: "ready" | "building" | "missing" | "failed";
  readonly sizeBytes: number | null;
  /** Unix milliseconds; `null` while it is not ready. */
  readonly builtAt: number | null;
  /** Why a build failed; `null` otherwise. */
  readonly failure: string | null;
  /** What begins in the background whenever a capsule of it boots; `null`: nothing. */
  readonly startCommand: StartCommand | null;
}

export interface StartCommand {
  readonly cmd: string;
  readonly args: readonly string[];
}

/** Progress of a build: a line a person can read and how far it is, 0 to 1. */
export interface BuildProgress {
  readonly step: string;
  readonly fraction: number;
}

/** Built templates on a host, and how to build those whose recipes ship with the server. */
export interface TemplateStore {
  list(): Promise<readonly Template[]>;
  /** The template of that name, or `undefined` when there is neither a build nor a recipe. */
  find(name: string): Promise<Template | undefined>;
  /** Builds it unless it is ready; a build under way is joined, not doubled. Throws with the builder's last lines. */
  ensure(name: string, onProgress?: (progress: BuildProgress) => void): Promise<void>;
}
