import { NotFoundError } from "../api-errors.ts";
import { CapsuledError } from "../errors.ts";
import { sleep } from "../transport/timing.ts";
import type { CallOptions, Transport } from "../transport/transport.ts";

/** What can be sent. `SIGKILL` ends at once, `SIGTERM` asks. */
export type KillSignal = "SIGKILL" | "SIGTERM";

/** Signals a process's whole tree. */
export async function killProcess(
  transport: Transport,
  capsuleId: string,
  selector: string,
  signal: KillSignal = "SIGKILL",
  options: CallOptions = {},
): Promise<void> {
  await transport.none("killProcess", { ...options, params: { id: capsuleId, selector }, query: { signal } });
}

/** How often, and how far apart in milliseconds, a process that may be about to start is looked for. */
const TRIES = 5;
const TRY_AGAIN_MS = 100;
const ABANDON_TIMEOUT_MS_MAX = 5_000;

/**
 * Ends a command whose caller has gone. It may not have been started yet, or never come to be; nobody waits for what goes wrong here.
 */
export async function abandonProcess(transport: Transport, capsuleId: string, selector: string, isStarted: boolean): Promise<void> {
  const requestTimeoutMs = Math.min(ABANDON_TIMEOUT_MS_MAX, transport.settings.requestTimeoutMs);
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    try {
      return await killProcess(transport, capsuleId, selector, "SIGKILL", { requestTimeoutMs });
    } catch (error) {
      if (!(error instanceof CapsuledError)) throw error;
      if (isStarted || !(error instanceof NotFoundError)) return;
      await sleep(TRY_AGAIN_MS);
    }
  }
}
