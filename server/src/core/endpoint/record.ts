import type { EndpointDefinition } from "@capsuled/contract";

/** A definition without what is sealed. */
export type StoredDefinition = Omit<EndpointDefinition, "secret" | "envs">;

/** An endpoint as the store knows it. */
export interface EndpointRecord {
  readonly id: string;
  readonly teamId: string;
  readonly name: string;
  readonly definition: StoredDefinition;
  readonly envNames: readonly string[];
  /** JSON of `{ secrets: string[], envs: Record<string, string> }`, sealed under `endpointContext(id)`; null when both are empty. */
  readonly sealed: string | null;
  readonly hasSecret: boolean;
  /** Goes up with each change of the definition. */
  readonly version: number;
  readonly schedulePaused: boolean;
  /** Unix milliseconds; null without a schedule, or while it is paused. */
  readonly nextRunAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What a sealed text of an endpoint is bound to. */
export function endpointContext(id: string): string {
  return `endpoint/${id}`;
}

export type ArgValue = string | number | boolean;
/** Arguments by name, checked against their definitions. */
export type ArgValues = Readonly<Record<string, ArgValue>>;
