import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface WaitOptions {
  /** For the error's text. */
  readonly what: string;
  /** Milliseconds; a minute where left out, which only what never comes takes. */
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/** Asks until the answer is not `undefined`; for what no event tells us of from outside. */
export async function waitUntil<T>(ask: () => T | undefined | Promise<T | undefined>, options: WaitOptions): Promise<T> {
  const until = performance.now() + (options.timeoutMs ?? 60_000);
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > until) throw new Error(`waited in vain for ${options.what}`);
    await sleep(options.everyMs ?? 20);
  }
}

/** Whether a process of the host lives; a zombie does not. */
export function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  try {
    return !/^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
