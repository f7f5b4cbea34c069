import type { RunHandle } from "../../core/run/service.ts";

/** Who waits for which run, of those that are to end when nobody does any more. */
export class Attendance {
  readonly #waiting = new Map<string, { callers: number; isBegun: boolean }>();

  /** How many runs are waited for. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Counts a caller of a run until the run ends or the caller has gone; `onEmpty` when the last one has gone before the end. Who only
   * `follows` a run that somebody else began, or that nobody waits for, keeps it, and by leaving ends it only where one who began it
   * was there and has gone.
   */
  attend(
    { run: { id }, ended }: Pick<RunHandle, "run" | "ended">,
    role: "begins" | "follows",
    gone: AbortSignal,
    onEmpty: () => void,
  ): void {
    const waiting = this.#waiting.get(id) ?? { callers: 0, isBegun: false };
    this.#waiting.set(id, waiting);
    waiting.callers += 1;
    waiting.isBegun ||= role === "begins";
    const leave = (): void => {
      gone.removeEventListener("abort", abandon);
      waiting.callers -= 1;
      if (waiting.callers === 0) this.#waiting.delete(id);
    };
    let hasEnded = false;
    const abandon = (): void => {
      leave();
      if (waiting.callers === 0 && waiting.isBegun && !hasEnded) onEmpty();
      hasEnded = true;
    };
    const end = (): void => {
      if (!hasEnded) leave();
      hasEnded = true;
    };
    if (gone.aborted) abandon();
    else gone.addEventListener("abort", abandon, { once: true });
    ended.then(end, end);
  }
}
