import type { RunHandle } from "../../core/run/service.ts";

/** Who waits for which run, of those that are to end when nobody does any more. */
export class Attendance {
  readonly #waiting = new Map<string, number>();

  /** How many runs are waited for. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Counts a caller of a run until the run ends or the caller has gone; `onEmpty` when the last one has gone before the end. */
  attend({ run: { id }, ended }: Pick<RunHandle, "run" | "ended">, gone: AbortSignal, onEmpty: () => void): void {
    this.#waiting.set(id, (this.#waiting.get(id) ?? 0) + 1);
    const leave = (): number => {
      gone.removeEventListener("abort", abandon);
      const left = (this.#waiting.get(id) ?? 1) - 1;
      if (left > 0) this.#waiting.set(id, left);
      else this.#waiting.delete(id);
      return left;
    };
    let hasEnded = false;
    const abandon = (): void => {
      const left = leave();
      if (left <= 0 && !hasEnded) onEmpty();
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
