import type { RunReason } from "@capsuled/contract";
import { StoreUnavailableError } from "../capsule/store.ts";
import { CapsuledError } from "../fail.ts";
import { AgentLostError, AgentRefusal } from "../ports/agent-link.ts";
import { notStartable } from "../process/refusal.ts";
import { conclude } from "./conclude.ts";
import type { RunContext } from "./context.ts";
import { BootFailedError } from "./fresh-capsule.ts";
import type { LiveRun } from "./live-run.ts";
import { cancelledUnbegun, withoutProcess } from "./outcome.ts";
import type { RunPlan } from "./plan.ts";

/** Ends a run that came to no process. A program that cannot be found or executed is an end like a shell's: 127 or 126, with the words on stderr. */
export function concludeUnstarted(ctx: RunContext, live: LiveRun, plan: RunPlan, error: unknown): void {
  if (live.isOver || ctx.isClosing) return;
  const now = ctx.deps.clock.now();
  const refused = notStartable(plan.cmd, error);
  if (refused !== undefined) {
    const text = new TextEncoder().encode(`${refused.message}\n`);
    live.tape.append("stderr", 0, text);
    return conclude(ctx, live, {
      status: "failed",
      reason: "spawn_failed",
      error: refused.message,
      exitCode: refused.exitCode,
      signal: null,
      endedAt: now,
      durationMs: 0,
      stdoutBytes: 0,
      stderrBytes: text.length,
    });
  }
  if (live.cancelled !== null) return conclude(ctx, live, cancelledUnbegun(live.record, live.cancelled, now));
  const { reason, words } = causeOf(error);
  const { id: runId, capsuleId } = live.record;
  ctx.deps.log.info({ runId, capsuleId, reason, error }, "a run came to no process");
  conclude(ctx, live, withoutProcess(live.record, "error", reason, words, now));
}

function causeOf(error: unknown): { readonly reason: RunReason; readonly words: string } {
  if (error instanceof BootFailedError) return { reason: "boot_failed", words: error.message };
  if (error instanceof StoreUnavailableError) return { reason: "unavailable", words: "The server's database cannot be reached." };
  if (error instanceof AgentLostError) return { reason: "not_started", words: "The capsule's agent did not answer." };
  if (error instanceof AgentRefusal) return refusalOf(error);
  if (!(error instanceof CapsuledError))
    return { reason: "not_started", words: "The command could not be started; the server's log has the cause." };
  switch (error.code) {
    case "host_full":
    case "capsule_gone":
    case "unavailable":
      return { reason: error.code, words: error.message };
    default:
      return { reason: "not_started", words: error.message };
  }
}

function refusalOf(error: AgentRefusal): { readonly reason: RunReason; readonly words: string } {
  if (error.code === "cwd_not_found") return { reason: "not_started", words: `working_dir: ${error.message}` };
  if (error.code === "process_limit") return { reason: "not_started", words: "The capsule has reached its limit of processes." };
  if (error.code === "too_big") return { reason: "not_started", words: "The arguments and variables are larger than the kernel takes." };
  return { reason: "not_started", words: `The capsule's agent refused the start: ${error.code}.` };
}
