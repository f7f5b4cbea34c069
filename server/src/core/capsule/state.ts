/** Every state that a capsule's row can have. */
export const CAPSULE_STATES = [
  "pending",
  "starting",
  "running",
  "pausing",
  "paused",
  "resuming",
  "stopping",
  "stopped",
  "destroying",
  "destroyed",
  "error",
] as const;
export type CapsuleState = (typeof CAPSULE_STATES)[number];
