import type { FakeProcess } from "./process.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** Ended foreground processes that are kept. */
export const ENDED_FOREGROUND_MAX = 64;
/** Other ended processes that are kept, and for how many unfrozen milliseconds. */
export const ENDED_MAX = 1000;
export const ENDED_MS = 15 * 60 * 1000;

/** The processes of one capsule: the live ones, and the ended ones for as long as the protocol says. */
export class ProcessTable {
  readonly #clock: Stopwatch;
  readonly #live = new Set<FakeProcess>();
  #ended: FakeProcess[] = [];
  #nextPid = 2;

  constructor(clock: Stopwatch) {
    this.#clock = clock;
  }

  takePid(): number {
    const pid = this.#nextPid;
    this.#nextPid += 1;
    return pid;
  }

  /** Processes begun so far. */
  get started(): number {
    return this.#nextPid - 2;
  }

  get live(): ReadonlySet<FakeProcess> {
    return this.#live;
  }

  get journalBytes(): number {
    return [...this.#live, ...this.#ended].reduce((sum, process) => sum + process.journal.bytes, 0);
  }

  add(process: FakeProcess): void {
    this.#live.add(process);
    process.onEnd(() => {
      this.#live.delete(process);
      this.#keep(process);
    });
  }

  hasTag(tag: string): boolean {
    return tag !== "" && [...this.#live].some((process) => process.request.tag === tag);
  }

  hasId(id: string): boolean {
    return [...this.#live, ...this.#ended].some((process) => process.request.id === id);
  }

  /** The process that an earlier start with this key began. */
  findKey(key: string): FakeProcess | undefined {
    return [...this.#live, ...this.#ended].find((process) => process.request.key === key);
  }

  /** By id, pid or tag: a live one first, else the latest that ended. */
  find(selector: string): FakeProcess | undefined {
    const named = (process: FakeProcess): boolean =>
      process.request.id === selector ||
      String(process.pid) === selector ||
      (process.request.tag !== "" && process.request.tag === selector);
    return [...this.#live].find(named) ?? this.#ended.findLast(named);
  }

  #keep(process: FakeProcess): void {
    const { foreground } = process.request;
    this.#ended.push(process);
    const alike = this.#ended.filter((other) => other.request.foreground === foreground);
    const [oldest] = alike;
    if (oldest !== undefined && alike.length > (foreground ? ENDED_FOREGROUND_MAX : ENDED_MAX)) this.#forget(oldest);
    if (!foreground) this.#clock.after(ENDED_MS, () => this.#forget(process));
  }

  #forget(process: FakeProcess): void {
    this.#ended = this.#ended.filter((other) => other !== process);
  }
}
