/** Why a process ended: a closed set. */
export const PROCESS_REASONS = [
  "exited",
  "signaled",
  "oom_killed",
  "timed_out",
  "killed",
  "stopped",
  "client_gone",
  "server_lost",
  "spawn_failed",
  "capsule_stopped",
  "capsule_destroyed",
  "agent_lost",
  "host_restarted",
] as const;
export type ProcessReason = (typeof PROCESS_REASONS)[number];

/** Why a capsule is not running: a closed set. */
export const CAPSULE_REASONS = ["destroyed", "stopped", "host_restarted", "agent_lost", "boot_failed"] as const;
export type CapsuleReason = (typeof CAPSULE_REASONS)[number];

/** What callers see of a capsule's state. */
export const CAPSULE_STATUSES = ["pending", "starting", "running", "paused", "stopped", "error"] as const;
export type CapsuleStatus = (typeof CAPSULE_STATUSES)[number];
