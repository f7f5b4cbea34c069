import type { Actor } from "@capsuled/contract";
import type { EventDraft } from "../event/record.ts";
import type { ProcessEndFacts, ProcessStart } from "./record.ts";

interface Subject {
  readonly teamId: string;
  readonly capsuleId: string;
}

const timestamp = (at: number): string => new Date(at).toISOString();

export function startedEvent(subject: Subject, process: ProcessStart, actor: Actor): EventDraft {
  const { id, pid, tag, cmd, args, startedAt } = process;
  return {
    teamId: subject.teamId,
    capsuleId: subject.capsuleId,
    processId: id,
    actor,
    at: startedAt,
    type: "process.started",
    data: { pid, tag, cmd, args: [...args], started_at: timestamp(startedAt) },
  };
}

export function endedEvent(subject: Subject, process: ProcessStart, end: ProcessEndFacts, endedAt: number, actor: Actor): EventDraft {
  const { id, pid, tag, cmd, args, startedAt } = process;
  return {
    teamId: subject.teamId,
    capsuleId: subject.capsuleId,
    processId: id,
    actor,
    at: endedAt,
    type: "process.ended",
    data: { pid, tag, cmd, args: [...args], started_at: timestamp(startedAt), ended_at: timestamp(endedAt), ...end },
  };
}
