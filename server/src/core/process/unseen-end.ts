import type { UnseenEnd } from "../capsule/effects.ts";
import type { ProcessEndFacts } from "./record.ts";

/** Of a process that has not ended, and of an end that nobody saw: every fact is open. */
export const NO_FACTS = {
  reason: null,
  exit_code: null,
  signal: null,
  requested: null,
  oom_kills: null,
  duration_ms: null,
  stdout_bytes: null,
  stderr_bytes: null,
  late_bytes: null,
  stdout_sha256: null,
  stderr_sha256: null,
  evidence: null,
} as const;

/** The end of a process that nobody saw ending: its reason is known, its exit code and bytes are not. */
export function unseenEndFacts({ reason, requested }: UnseenEnd): ProcessEndFacts {
  return { ...NO_FACTS, reason, requested };
}
