/** `making` and `removing` are acts under way on the host; a crash leaves the row, and upkeep settles it. */
export const TEMPLATE_STATES = ["making", "ready", "removing"] as const;
export type TemplateState = (typeof TEMPLATE_STATES)[number];

/** `fork`: a disk on its way to the forks of a capsule; `layer`: what a step of a build left, for later builds. Nobody sees either. */
export const TEMPLATE_KINDS = ["snapshot", "fork", "layer"] as const;
export type TemplateKind = (typeof TEMPLATE_KINDS)[number];

/** A team's template: its row. Times are unix milliseconds. */
export interface TemplateRecord {
  /** `tp-…`; also what the driver calls the snapshot. */
  readonly id: string;
  readonly teamId: string;
  readonly hostId: string;
  readonly kind: TemplateKind;
  /** Unique among the team's templates that are ready; `null` for those without a name. */
  readonly name: string | null;
  readonly state: TemplateState;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly diskMb: number;
  readonly sizeBytes: number;
  /** The capsule whose disk it holds. */
  readonly capsuleId: string;
  readonly createdAt: number;
  /** What it says about processes in capsules of it, encrypted; `null` where it says nothing. */
  readonly sealedSettings: string | null;
  /** Of a layer: what it was made of and how. One of a team has it. */
  readonly layerKey: string | null;
  /** Of a layer: when a build last began with it. */
  readonly usedAt: number;
}
