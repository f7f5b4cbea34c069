import { describe, exitOf } from "./agent-answers.ts";
import type { FakeProcess } from "./process.ts";

/** One entry as the `entry` frame has it. */
export interface LogEntry {
  readonly n: number;
  readonly kind: "started" | "ended";
  readonly time_ms: number;
  readonly process: object;
  readonly end?: object;
}

/** The agent's numbered log of processes: what runs in the background, streamed, tagged or keyed, and every abnormal end. */
export class ProcessLog {
  readonly #entries: LogEntry[] = [];
  readonly #followers = new Set<(entry: LogEntry) => void>();

  /** Notes a process that has just started, and its end when that comes. */
  watch(process: FakeProcess): void {
    const { foreground, tag, key, cmd, args, by } = process.request;
    const isLogged = !foreground || tag !== "" || key !== undefined;
    const told = { ...describe(process), cmd, args, ...(by !== undefined && { by }) };
    if (isLogged) this.#add({ kind: "started", time_ms: process.startedAt, process: told });
    process.onEnd(() => {
      const { exit } = process;
      if (exit === null || (!isLogged && exit.reason === "exited")) return;
      this.#add({ kind: "ended", time_ms: exit.ended_at_ms, process: told, end: exitOf(process, exit) });
    });
  }

  /** The entries from `n` on. */
  from(n: number): readonly LogEntry[] {
    return this.#entries.slice(Math.max(0, n - 1));
  }

  get next(): number {
    return this.#entries.length + 1;
  }

  /** Tells of each entry to come; the returned function ends that. */
  follow(listener: (entry: LogEntry) => void): () => void {
    this.#followers.add(listener);
    return () => this.#followers.delete(listener);
  }

  #add(entry: Omit<LogEntry, "n">): void {
    const numbered = { n: this.next, ...entry };
    this.#entries.push(numbered);
    for (const follower of this.#followers) follower(numbered);
  }
}
