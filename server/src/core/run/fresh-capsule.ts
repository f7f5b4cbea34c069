import { capsuleCreate } from "@capsuled/contract";
import type { LiveCapsule } from "../capsule/live.ts";
import { fail } from "../fail.ts";
import type { Intent } from "../idempotency/service.ts";
import type { RunContext } from "./context.ts";
import { principalOf } from "./context.ts";
import type { LiveRun } from "./live-run.ts";
import type { RunPlan } from "./plan.ts";

/** Milliseconds that a fresh capsule may take to run. */
export const BOOT_MS_MAX = 60_000;

/** The run could not get its capsule up; the message is for callers. */
export class BootFailedError extends Error {
  override readonly name = "BootFailedError";
}

/** The run's own capsule, running. Its id was chosen with the intent, so a repeat continues the same one. Throws what `create` throws, and `BootFailedError`. */
export async function freshCapsule(
  ctx: RunContext,
  live: LiveRun,
  place: Extract<RunPlan["place"], { readonly kind: "fresh" }>,
): Promise<LiveCapsule> {
  const { deps } = ctx;
  const { record } = live;
  const capsuleId = record.capsuleId;
  if (capsuleId === null) throw new Error(`the run ${record.id} has no capsule of its own`);
  const intent: Intent = {
    key: record.id,
    ids: { next: (prefix) => (prefix === "cl" ? capsuleId : deps.ids.next(prefix)), hex: (bytes) => deps.ids.hex(bytes) },
    stage: live.isContinued ? "continued" : "new",
  };
  const input = capsuleCreate.parse({
    template: place.template,
    // Whole cores are what capsules are counted in.
    ...(place.vcpus !== null && { vcpus: Math.max(1, Math.ceil(place.vcpus)) }),
    ...(place.memoryMb !== null && { memory_mb: place.memoryMb }),
    timeout_sec: 0,
    metadata: { endpoint: record.endpointName, run: record.id },
    wait_ms: BOOT_MS_MAX,
  });
  const { record: capsule } = await deps.capsules.create(principalOf(record), input, { intent });
  const held = deps.live.get(capsuleId);
  if (held !== undefined && held.record.state === "running") return held;
  switch (capsule.state) {
    case "error":
      throw new BootFailedError(capsule.message ?? "The run's capsule could not be brought up.");
    case "destroying":
    case "destroyed":
      throw fail("capsule_gone", "The run's capsule was destroyed.");
    default:
      throw new BootFailedError(`The run's capsule was not up after ${BOOT_MS_MAX / 1000} s.`);
  }
}
