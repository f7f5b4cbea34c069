import { readFileSync } from "node:fs";
import { isAlive } from "./wait.ts";

/** Milliseconds between two questions. */
const EVERY_MS = 5_000;
/** Questions that go without an answer in the time that is too long. */
const QUESTIONS = 4;

export interface Watched {
  readonly pid: number;
  readonly url: string;
}

export interface SilenceOptions {
  /** The server that runs now; throws where nobody knows. */
  readonly server: () => Watched;
  /** Milliseconds without any answer that are too many. */
  readonly silenceMs: number;
  readonly everyMs?: number;
  /** Called once. */
  readonly onSilence: (server: Watched) => void;
}

/**
 * Looks whether a server that lives still answers: one whose event loop is held takes connections, and says nothing for ever. One that
 * refuses them, has ended, or was stopped by a signal is not silent: that is what some tests do. The returned function ends it.
 */
export function watchForSilence({ server, silenceMs, everyMs = EVERY_MS, onSilence }: SilenceOptions): () => void {
  let asked: Watched | null = null;
  let heardAt = performance.now();
  let isOpen = true;
  const look = async (): Promise<void> => {
    const now = readServer(server);
    if (
      now === null ||
      now.pid !== asked?.pid ||
      !isAlive(now.pid) ||
      isStopped(now.pid) ||
      !(await isSilent(now.url, silenceMs / QUESTIONS))
    )
      heardAt = performance.now();
    asked = now;
    if (asked === null || performance.now() - heardAt < silenceMs || !isOpen) return;
    close();
    onSilence(asked);
  };
  let looking: Promise<void> | null = null;
  const timer = setInterval(() => {
    if (looking !== null) return;
    looking = look().finally(() => {
      looking = null;
    });
  }, everyMs);
  timer.unref();
  const close = (): void => {
    isOpen = false;
    clearInterval(timer);
  };
  return close;
}

/** A state that is being written, or is gone, says nothing about the server. */
function readServer(server: SilenceOptions["server"]): Watched | null {
  try {
    return server();
  } catch {
    return null;
  }
}

function isStopped(pid: number): boolean {
  try {
    return /^\d+ \(.*\) T /s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

/** Whether it neither answers nor refuses within the time. */
async function isSilent(url: string, ms: number): Promise<boolean> {
  const late = AbortSignal.timeout(ms);
  try {
    await fetch(`${url}/healthz`, { signal: late });
    return false;
  } catch {
    return late.aborted;
  }
}
