import { availableParallelism } from "node:os";
import { BoundedThread } from "./bounded-thread.ts";
import type { JobAnswer, JobSource } from "./job.ts";
import { bytesOf, refused } from "./job.ts";
import { WORKER_LIMITS } from "./limits.ts";
import type { Queued } from "./turn-queue.ts";
import { TurnQueue } from "./turn-queue.ts";

interface Waiting extends Queued {
  readonly job: JobSource;
  readonly settle: (answer: JobAnswer) => void;
  /** Gives up waiting for a thread. */
  readonly timer: NodeJS.Timeout;
}

export interface PoolOptions {
  /** Milliseconds of one job. */
  readonly jobMsMax: number;
  readonly threads?: number;
  /** Jobs that wait, milliseconds that one does, and bytes that they hold; of all teams and of one. */
  readonly waitingMax?: number;
  readonly teamWaitingMax?: number;
  readonly waitMsMax?: number;
  readonly waitingBytesMax?: number;
  readonly teamWaitingBytesMax?: number;
}

/** What work is given to, in tests something simpler. */
export interface JobRunner {
  /** Never rejects: whatever goes wrong is a message. An abort gives up at once, and lets a job that runs run out. */
  run(teamId: string, job: JobSource, signal?: AbortSignal): Promise<JobAnswer>;
}

/**
 * A few threads for the jobs of all teams. Teams take turns, and one team never has all of the threads, so that costly work of one
 * delays the others by no more than what is under way.
 */
export class ThreadPool implements JobRunner {
  readonly #threads: readonly BoundedThread[];
  readonly #teamThreadsMax: number;
  readonly #waitMsMax: number;
  readonly #queue: TurnQueue<Waiting>;
  readonly #running = new Map<string, number>();
  #isClosed = false;

  constructor(options: PoolOptions) {
    const count = options.threads ?? threadsOf(availableParallelism());
    this.#threads = Array.from({ length: count }, () => new BoundedThread(options.jobMsMax));
    this.#teamThreadsMax = Math.max(1, count - 1);
    this.#waitMsMax = options.waitMsMax ?? WORKER_LIMITS.waitMsMax;
    this.#queue = new TurnQueue({
      entriesMax: options.waitingMax ?? WORKER_LIMITS.waitingMax,
      laneEntriesMax: options.teamWaitingMax ?? WORKER_LIMITS.teamWaitingMax,
      bytesMax: options.waitingBytesMax ?? WORKER_LIMITS.waitingBytesMax,
      laneBytesMax: options.teamWaitingBytesMax ?? WORKER_LIMITS.teamWaitingBytesMax,
    });
  }

  /** Threads made so far. */
  get made(): number {
    return this.#threads.reduce((sum, { made }) => sum + made, 0);
  }

  run(teamId: string, job: JobSource, signal?: AbortSignal): Promise<JobAnswer> {
    if (this.#isClosed) return Promise.resolve(refused("the server is shutting down"));
    if (signal?.aborted === true) return Promise.resolve(refused("it was cancelled"));
    return new Promise((resolve) => {
      const settle = (answer: JobAnswer): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        this.#queue.remove(waiting);
        resolve(answer);
      };
      const onAbort = (): void => settle(refused("it was cancelled"));
      const timer = setTimeout(() => settle(refused("it waited too long to be worked on")), this.#waitMsMax);
      const waiting: Waiting = { lane: teamId, bytes: typeof job === "function" ? 0 : bytesOf(job), job, settle, timer };
      signal?.addEventListener("abort", onAbort, { once: true });
      if (!this.#queue.add(waiting)) return settle(refused("too many are waiting to be worked on"));
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { settle } of this.#queue.entries()) settle(refused("the server is shutting down"));
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }

  #next(): void {
    for (const thread of this.#threads) {
      if (this.#isClosed) return;
      if (thread.isBusy) continue;
      const waiting = this.#queue.next((teamId) => (this.#running.get(teamId) ?? 0) < this.#teamThreadsMax);
      if (waiting === undefined) return;
      clearTimeout(waiting.timer);
      void this.#perform(thread, waiting);
    }
  }

  async #perform(thread: BoundedThread, { lane, job, settle }: Waiting): Promise<void> {
    this.#running.set(lane, (this.#running.get(lane) ?? 0) + 1);
    const answer = await thread.perform(job);
    const left = (this.#running.get(lane) ?? 1) - 1;
    if (left > 0) this.#running.set(lane, left);
    else this.#running.delete(lane);
    settle(answer);
    this.#next();
  }
}

function threadsOf(cores: number): number {
  return Math.min(WORKER_LIMITS.threadsMax, Math.max(WORKER_LIMITS.threadsMin, cores));
}
