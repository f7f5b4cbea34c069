import type { TemplateKind, TemplateRecord, TemplateState } from "./record.ts";

/** What a team's templates take. */
export interface TemplateUse {
  readonly count: number;
  readonly bytes: number;
}

/** What a team's templates may take; 0 is no limit. */
export interface TemplateQuota {
  readonly countMax: number;
  readonly bytesMax: number;
}

/** A row that a team's quota has no room for; nothing was stored. */
export class TemplateQuotaError extends Error {
  override readonly name = "TemplateQuotaError";
  /** What the others take. */
  readonly use: TemplateUse;
  constructor(use: TemplateUse) {
    super(`the quota is reached with ${use.count} templates of ${use.bytes} bytes`);
    this.use = use;
  }
}

/** Where teams' templates have their rows. Throws `StoreUnavailableError` when the database cannot be reached, is locked or read-only. */
export interface TemplateRows {
  /**
   * Stores a new row in the state `making`. Unless it may replace one, it holds its name from now on: returns `false`, and stores
   * nothing, where the team has a template of that name, or a layer of that key. Throws `TemplateQuotaError` where there is no room for
   * one more: of many that come at once, as many are stored as there is room for.
   */
  insert(record: TemplateRecord, mayReplace: boolean, quota?: TemplateQuota): Promise<boolean>;
  find(id: string): Promise<TemplateRecord | undefined>;
  /** The team's ready template of that name. */
  findNamed(teamId: string, name: string): Promise<TemplateRecord | undefined>;
  /** The team's ready templates, newest first. */
  list(teamId: string): Promise<readonly TemplateRecord[]>;
  /** The team's ready layer of that key on that host. */
  findLayer(teamId: string, hostId: string, key: string): Promise<TemplateRecord | undefined>;
  /** A build begins with it now. */
  touchLayer(id: string, at: number): Promise<void>;
  /** Templates of a team that are made or being made, forks on their way and layers not counted. */
  use(teamId: string): Promise<TemplateUse>;
  /**
   * `making` becomes `ready`, with these settings where they are given, and the team's template that has its name becomes `removing`, in one transaction. `false` when the row is
   * not `making` any more. Throws `TemplateQuotaError` where it would take more than there is room for, the replaced one gone: the rows
   * are as they were.
   */
  finish(id: string, sizeBytes: number, sealedSettings?: string | null, quota?: TemplateQuota): Promise<boolean>;
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
