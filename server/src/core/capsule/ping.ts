import type { Principal } from "../access/principal.ts";
import { refusalToError } from "../process/refusal.ts";
import type { CapsuleDeps } from "./deps.ts";
import { runningCapsule } from "./running.ts";

/** Counts as activity, here and in the agent, so that it outlives this server. */
export async function pingCapsule(deps: CapsuleDeps, principal: Principal, id: string): Promise<void> {
  const live = await runningCapsule(deps, principal, id);
  live.touch(deps.clock.now());
  try {
    await live.link.touch();
  } catch (error) {
    throw refusalToError(error);
  }
}
