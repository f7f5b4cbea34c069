/** What a capsule's file system starts from, as the driver's template store has it. */
export interface Template {
  readonly name: string;
  readonly state: "ready" | "building" | "missing" | "failed";
  readonly sizeBytes: number | null;
  /** Unix milliseconds; `null` while it is not ready. */
  readonly builtAt: number | null;
  /** Why a build failed; `null` otherwise. */
  readonly failure: string | null;
  /** How far its build is; `null` where none is under way, or it has told nothing yet. */
  readonly progress: BuildProgress | null;
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
  /** Names of those that are built as their recipes no longer say. They stay in use until they are built again. */
  outdated(): Promise<readonly string[]>;
  /**
   * Builds it unless it is ready as its recipe says; a build under way is joined, not doubled. An earlier build stays in use until the new
   * one is whole, and for capsules that began with it. Throws with the builder's last lines.
   */
  ensure(name: string, onProgress?: (progress: BuildProgress) => void): Promise<void>;
}
