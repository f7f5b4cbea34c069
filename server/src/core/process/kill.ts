import type { Principal } from "../access/principal.ts";
import { runningCapsule } from "../capsule/running.ts";
import { CapsuledError } from "../fail.ts";
import type { Intent } from "../idempotency/service.ts";
import type { ProcessDeps } from "./deps.ts";
import { getProcess } from "./get-process.ts";
import { refusalToError } from "./refusal.ts";

/** Signals a process and its whole tree. */
export async function killProcess(
  deps: ProcessDeps,
  principal: Principal,
  capsuleId: string,
  selector: string,
  signal: "SIGTERM" | "SIGKILL",
  intent?: Intent,
): Promise<void> {
  const live = await runningCapsule(deps, principal, capsuleId);
  live.touch(deps.clock.now());
  try {
    await live.link.signal(selector, signal, principal.keyId);
  } catch (error) {
    const refused = refusalToError(error);
    if (
      intent?.stage === "continued" &&
      refused instanceof CapsuledError &&
      refused.code === "not_found" &&
      (await hasEnded(deps, principal, capsuleId, selector))
    )
      return;
    throw refused;
  }
}

/** A try that was cut off may have ended it: then there is nothing left to signal, and all is as it was asked for. */
async function hasEnded(deps: ProcessDeps, principal: Principal, capsuleId: string, selector: string): Promise<boolean> {
  try {
    return (await getProcess(deps, principal, capsuleId, selector)).end !== null;
  } catch (error) {
    if (error instanceof CapsuledError && error.code === "not_found") return false;
    throw error;
  }
}
