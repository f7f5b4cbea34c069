import type { Actor, CapsuleReason, MemoryEvidence, ProcessReason } from "@capsuled/contract";
import { bySystem } from "../event/actor.ts";
import type { EventDraft } from "../event/record.ts";
import type { CapsuleEvent } from "./machine.ts";
import type { CapsuleChange, CapsuleRecord } from "./record.ts";

/** How the processes end that nobody has seen ending. */
export interface UnseenEnd {
  readonly reason: Extract<ProcessReason, "capsule_stopped" | "capsule_destroyed" | "agent_lost" | "host_restarted">;
  /** Who asked for it; `null` where nobody did. */
  readonly requested: { readonly by: string; readonly signal: string } | null;
}

/** What is stored in the same transaction as a change of state. */
export interface TransitionEffects {
  readonly event: EventDraft | null;
  /** Every process of the capsule that has no end yet gets this one, with its event. */
  readonly unseenEnd: UnseenEnd | null;
}

export const NO_EFFECTS: TransitionEffects = { event: null, unseenEnd: null };

/** The event of a capsule's creation. */
export function createdEvent(record: CapsuleRecord, actor: Actor): EventDraft {
  const data = {
    template: record.template,
    vcpus: record.vcpus,
    memory_mb: record.memoryMb,
    disk_mb: record.diskMb,
    timeout_sec: record.timeoutSec,
    name: record.name,
  };
  return { teamId: record.teamId, capsuleId: record.id, processId: null, actor, at: record.createdAt, type: "capsule.created", data };
}

/**
 * What a change brings with it. Callers hear of facts, not of intents: `paused`, not `pausing`.
 * A fact's actor is who asked for it, unless it was found out by `actor`.
 */
export function effectsOf(
  record: CapsuleRecord,
  fact: CapsuleEvent,
  change: CapsuleChange,
  actor: Actor | null,
  at: number,
): TransitionEffects {
  const by = actor ?? record.requestedBy ?? bySystem("recover");
  const head = { teamId: record.teamId, capsuleId: record.id, processId: null, actor: by, at };
  const asked = { by: by.id, signal: "SIGKILL" };
  const end = (fallback: CapsuleReason): { reason: CapsuleReason; message: string | null; evidence: MemoryEvidence | null } => ({
    reason: change.reason ?? record.reason ?? fallback,
    message: change.message === undefined ? record.message : change.message,
    evidence: change.evidence === undefined ? record.evidence : change.evidence,
  });
  switch (fact) {
    case "booted":
      return { event: { ...head, type: "capsule.running", data: {} }, unseenEnd: null };
    case "paused":
      return { event: { ...head, type: "capsule.paused", data: {} }, unseenEnd: null };
    case "resumed":
      return { event: { ...head, type: "capsule.resumed", data: {} }, unseenEnd: null };
    case "stopped":
      return {
        event: { ...head, type: "capsule.stopped", data: end("stopped") },
        unseenEnd: { reason: "capsule_stopped", requested: asked },
      };
    case "host_restarted":
      return {
        event: { ...head, type: "capsule.stopped", data: end("host_restarted") },
        unseenEnd: { reason: "host_restarted", requested: null },
      };
    case "boot_failed":
      return { event: { ...head, type: "capsule.error", data: end("boot_failed") }, unseenEnd: { reason: "agent_lost", requested: null } };
    case "lost":
      return { event: { ...head, type: "capsule.error", data: end("agent_lost") }, unseenEnd: { reason: "agent_lost", requested: null } };
    case "destroyed":
      return {
        event: { ...head, type: "capsule.destroyed", data: end("destroyed") },
        unseenEnd: { reason: "capsule_destroyed", requested: asked },
      };
    case "boot":
    case "pause":
    case "pause_failed":
    case "resume":
    case "resume_failed":
    case "stop":
    case "start":
    case "destroy":
      return NO_EFFECTS;
  }
}
