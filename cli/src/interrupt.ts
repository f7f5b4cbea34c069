import { EXIT, ExitError } from "./exit.ts";

/** What asks this program to end, and the exit code that shells give what it has ended. */
const SIGNALS = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, SIGHUP: EXIT.hungUp } as const;
type InterruptSignal = keyof typeof SIGNALS;

/** Who wants to hear that nobody reads the output any more. */
const forReaders = new Set<() => void>();

/** Milliseconds for clearing up where nobody reads the output any more. */
const LEAVE_MS = 5_000;

/** Milliseconds for what a second interrupt still asks for. */
const LAST_MS = 2_000;

/**
 * Ctrl-C, SIGTERM and a closed terminal while something runs elsewhere: the first asks it to end, with the exit code that is due where
 * it ends by that; the second leaves as soon as `leave` is done, within 2 s; a third one at once. A reader that has left asks, too. Gives
 * back how to stop listening.
 */
export function onInterrupt(process: NodeJS.Process, first: (exitCode: number) => void, leave: () => unknown): () => void {
  let count = 0;
  const interrupt = (signal: InterruptSignal): void => {
    count += 1;
    if (count === 1) return first(SIGNALS[signal]);
    const exit = (): void => process.exit(SIGNALS[signal]);
    if (count > 2) return exit();
    setTimeout(exit, LAST_MS);
    void Promise.resolve(leave()).then(exit, exit);
  };
  const readerLeft = (): void => {
    count += 1;
    if (count === 1) first(EXIT.ok);
  };
  const signals: readonly InterruptSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, interrupt);
  forReaders.add(readerLeft);
  return () => {
    for (const signal of signals) process.off(signal, interrupt);
    forReaders.delete(readerLeft);
  };
}

/**
 * Work that an interrupt ends: it is aborted, clears up, and then this throws an `ExitError` with the code that is due. A second
 * interrupt leaves once `leave` is done, as `onInterrupt` says.
 */
export async function interruptible<T>(
  process: NodeJS.Process,
  work: (signal: AbortSignal) => Promise<T>,
  leave: () => unknown = () => {},
): Promise<T> {
  const abort = new AbortController();
  let exitCode: number | null = null;
  const quiet = onInterrupt(
    process,
    (code) => {
      exitCode = code;
      abort.abort(new ExitError(code));
    },
    leave,
  );
  try {
    const done = await work(abort.signal);
    if (exitCode !== null) throw new ExitError(exitCode);
    return done;
  } catch (error) {
    throw exitCode === null ? error : new ExitError(exitCode);
  } finally {
    quiet();
  }
}

/** Nobody reads the output any more: what runs elsewhere is asked to end; without such a thing, or where it takes long, this exits. */
export function leaveWithoutReader(process: NodeJS.Process, exitCode: number): void {
  if (forReaders.size === 0) process.exit(exitCode);
  for (const tell of forReaders) tell();
  setTimeout(() => process.exit(exitCode), LEAVE_MS).unref();
}
