import type { WatchEnd } from "@capsuled/contract";
import { Bell } from "../../lib/bell.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import type { CapsuleState } from "../capsule/state.ts";
import type { CapsuleStore } from "../capsule/store.ts";
import type { FileChange, FileWatch } from "../ports/agent-files.ts";
import { AgentRefusal } from "../ports/agent-link.ts";

/** What whoever watches is given. After `ended` nothing comes; `idle` says that nothing has happened for as long as was asked. */
export type WatchItem =
  | FileChange
  | { readonly kind: "paused" }
  | { readonly kind: "resumed" }
  | { readonly kind: "ended"; readonly reason: WatchEnd }
  | { readonly kind: "idle" };

/** A directory of a capsule that is watched, for as long as somebody asks for more. */
export interface DirectoryWatch {
  /** Directories that are watched at the beginning. */
  readonly directories: number;
  /** What comes next; an empty list once it is closed or has ended. One call at a time. */
  next(idleMs: number): Promise<readonly WatchItem[]>;
  /** Frees what it takes in the capsule; nothing after the end. */
  close(): void;
}

/**
 * No more is taken from the capsule than is asked for: what a slow reader leaves there is bounded by its kernel, which says `overflow`
 * in place of what it drops.
 */
export class LiveWatch implements DirectoryWatch {
  readonly #watch: FileWatch;
  readonly #live: LiveCapsule;
  readonly #store: Pick<CapsuleStore, "find">;
  readonly #stopListening: () => void;
  readonly #leave: () => void;
  #items: WatchItem[] = [];
  #isPaused = false;
  #isAsking = false;
  #isOver = false;
  /** Rung whenever there is something to give out, or the answer to a question has come. */
  readonly #bell = new Bell();

  constructor(watch: FileWatch, live: LiveCapsule, store: Pick<CapsuleStore, "find">, leave: () => void) {
    this.#watch = watch;
    this.#live = live;
    this.#store = store;
    this.#leave = leave;
    this.#stopListening = live.onChange(() => this.#tellState());
    this.#tellState();
  }

  get directories(): number {
    return this.#watch.directories;
  }

  async next(idleMs: number): Promise<readonly WatchItem[]> {
    const deadline = performance.now() + idleMs;
    for (;;) {
      if (this.#items.length > 0) return this.#items.splice(0);
      if (this.#isOver) return [];
      this.#ask();
      if (!(await this.#bell.heard(deadline - performance.now()))) return [{ kind: "idle" }];
    }
  }

  close(): void {
    this.#items = [];
    this.#end();
    this.#bell.ring();
  }

  /** One question at a time, and none while an answer waits. */
  #ask(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#watch
      .next()
      .then((changes) => this.#take(changes))
      .catch(async (error: unknown) => this.#finish(await this.#reasonOf(error)))
      .finally(() => {
        this.#isAsking = false;
        this.#bell.ring();
      });
  }

  #take(changes: readonly FileChange[] | null): void {
    if (changes === null) this.#finish("removed");
    else if (!this.#isOver) this.#items.push(...changes);
  }

  #finish(reason: WatchEnd): void {
    if (this.#isOver) return;
    this.#end();
    this.#items.push({ kind: "ended", reason });
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopListening();
    this.#watch.close();
    this.#leave();
  }

  async #reasonOf(error: unknown): Promise<WatchEnd> {
    if (error instanceof AgentRefusal && error.code === "watch_limit") return "watch_limit";
    const record = await this.#store.find(this.#live.record.id).catch(() => undefined);
    return record === undefined ? "lost" : END_IN[record.state];
  }

  #tellState(): void {
    const isPaused = this.#live.record.state === "paused";
    if (isPaused === this.#isPaused || (!isPaused && this.#live.record.state !== "running")) return;
    this.#isPaused = isPaused;
    this.#items.push({ kind: isPaused ? "paused" : "resumed" });
    this.#bell.ring();
  }
}

/** Why a watch has lost its capsule, by the state that the capsule has come to. */
const END_IN: Readonly<Record<CapsuleState, WatchEnd>> = {
  pending: "lost",
  starting: "lost",
  running: "lost",
  pausing: "lost",
  paused: "lost",
  resuming: "lost",
  stopping: "capsule_stopped",
  stopped: "capsule_stopped",
  destroying: "capsule_destroyed",
  destroyed: "capsule_destroyed",
  error: "lost",
};
