import type { TemplateKind, TemplateRecord, TemplateState } from "./record.ts";

/** What a team's templates take. */
export interface TemplateUse {
  readonly count: number;
  readonly bytes: number;
}

/** Where teams' templates have their rows. Throws `StoreUnavailableError` when the database cannot be reached, is locked or read-only. */
export interface TemplateRows {
  /**
   * Stores a new row in the state `making`. Unless it may replace one, it holds its name from now on: returns `false`, and stores
   * nothing, where the team has a template of that name, or a layer of that key.
   */
  insert(record: TemplateRecord, mayReplace: boolean): Promise<boolean>;
  find(id: string): Promise<TemplateRecord | undefined>;
  /** The team's ready template of that name. */
  findNamed(teamId: string, name: string): Promise<TemplateRecord | undefined>;
  /** The team's ready templates, newest first. */
  list(teamId: string): Promise<readonly TemplateRecord[]>;
  /** The team's ready layer of that key. */
  findLayer(teamId: string, key: string): Promise<TemplateRecord | undefined>;
  /** A build begins with it now. */
  touchLayer(id: string, at: number): Promise<void>;
  /** Templates of a team that are made or being made, forks on their way and layers not counted. */
  use(teamId: string): Promise<TemplateUse>;
  /**
   * `making` becomes `ready`, with these settings where they are given, and the team's template that has its name becomes `removing`, in one transaction. `false` when the row is
   * not `making` any more.
   */
  finish(id: string, sizeBytes: number, sealedSettings?: string | null): Promise<boolean>;
  /** The row becomes `removing` and its name free. Fine when it is gone. */
  beginRemoval(id: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** Rows of a host by state, or by kind. */
  listOnHost(
    hostId: string,
    which: { readonly state: TemplateState } | { readonly kind: TemplateKind },
  ): Promise<readonly TemplateRecord[]>;
  /** All ids of a host. */
  idsOnHost(hostId: string): Promise<ReadonlySet<string>>;
  /** Whether a capsule that has no disk yet is to begin with it. */
  isAwaited(id: string): Promise<boolean>;
}
