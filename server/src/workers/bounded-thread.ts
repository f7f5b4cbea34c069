import { Worker } from "node:worker_threads";
import type { Job, JobAnswer } from "./job.ts";
import { jobAnswer, READY } from "./job.ts";
import { WORKER_LIMITS } from "./limits.ts";

interface Waiting {
  readonly job: Job;
  readonly settle: (answer: JobAnswer) => void;
  /** Gives up waiting for the thread. */
  readonly timer: NodeJS.Timeout;
}

export interface ThreadOptions {
  /** Milliseconds of one job. */
  readonly jobMsMax: number;
  /** Jobs that wait, and milliseconds that one does. */
  readonly waitingMax?: number;
  readonly waitMsMax?: number;
}

/**
 * One thread that does one job at a time, for what could hold the event loop. A job that takes too long, or too much memory, is ended
 * with its thread, and the next one gets a new thread. A thread without work is ended after a while; it never keeps the server alive.
 */
export class BoundedThread {
  readonly #options: Required<ThreadOptions>;
  readonly #waiting = new Set<Waiting>();
  #thread: Promise<Worker> | null = null;
  #idle: NodeJS.Timeout | null = null;
  #isBusy = false;
  #isClosed = false;
  /** Threads made so far. */
  made = 0;

  constructor(options: ThreadOptions) {
    this.#options = { waitingMax: WORKER_LIMITS.waitingMax, waitMsMax: WORKER_LIMITS.waitMsMax, ...options };
  }

  /** Never rejects: whatever goes wrong is a message. An abort gives up at once, and lets a job that runs run out. */
  run(job: Job, signal?: AbortSignal): Promise<JobAnswer> {
    if (this.#isClosed) return Promise.resolve(refused("the server is shutting down"));
    if (signal?.aborted === true) return Promise.resolve(refused("it was cancelled"));
    if (this.#waiting.size >= this.#options.waitingMax) return Promise.resolve(refused("too many are waiting to be worked on"));
    return new Promise((resolve) => {
      const settle = (answer: JobAnswer): void => {
        clearTimeout(waiting.timer);
        this.#waiting.delete(waiting);
        signal?.removeEventListener("abort", onAbort);
        resolve(answer);
      };
      const onAbort = (): void => settle(refused("it was cancelled"));
      const timer = setTimeout(() => settle(refused("it waited too long to be worked on")), this.#options.waitMsMax);
      const waiting: Waiting = { job, settle, timer };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiting);
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { settle } of this.#waiting) settle(refused("the server is shutting down"));
    await this.#end();
  }

  #next(): void {
    if (this.#isBusy) return;
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#idle ??= setTimeout(() => void this.#end(), WORKER_LIMITS.idleMsMax).unref();
      return;
    }
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    this.#isBusy = true;
    this.#waiting.delete(first);
    clearTimeout(first.timer);
    void this.#perform(first.job).then((answer) => {
      first.settle(answer);
      this.#isBusy = false;
      this.#next();
    });
  }

  async #perform(job: Job): Promise<JobAnswer> {
    let thread: Worker;
    try {
      this.#thread ??= this.#start();
      thread = await this.#thread;
    } catch {
      await this.#end();
      return refused("no thread could be started for it");
    }
    thread.ref();
    const { answer, isLost } = await this.#ask(thread, job);
    if (isLost) await this.#end();
    else thread.unref();
    return answer;
  }

  #ask(thread: Worker, job: Job): Promise<{ readonly answer: JobAnswer; readonly isLost: boolean }> {
    return new Promise((resolve) => {
      const end = (answer: JobAnswer, isLost: boolean): void => {
        clearTimeout(timer);
        thread.off("message", onMessage).off("error", onError).off("exit", onExit);
        resolve({ answer, isLost });
      };
      const onMessage = (message: unknown): void => {
        const read = jobAnswer.safeParse(message);
        end(read.success ? read.data : refused("it could not be worked on"), !read.success);
      };
      const onError = (error: unknown): void =>
        end(refused(isOutOfMemory(error) ? `it takes more than ${WORKER_LIMITS.heapMbMax} MiB` : "it could not be worked on"), true);
      const onExit = (): void => end(refused("it could not be worked on"), true);
      const timer = setTimeout(() => end(refused(`it takes longer than ${this.#options.jobMsMax} ms`), true), this.#options.jobMsMax);
      thread.on("message", onMessage).on("error", onError).on("exit", onExit);
      thread.postMessage(job);
    });
  }

  #start(): Promise<Worker> {
    this.made += 1;
    const thread = new Worker(new URL("thread.ts", import.meta.url), {
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: WORKER_LIMITS.heapMbMax, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 },
    });
    // Between jobs nobody else listens, and an error without a listener would end the server.
    thread.on("error", () => {});
    return new Promise((resolve, reject) => {
      const fail = (): void => {
        clearTimeout(timer);
        void thread.terminate();
        reject(new Error("the thread did not start"));
      };
      const timer = setTimeout(fail, WORKER_LIMITS.startMsMax);
      thread.once("exit", fail);
      thread.once("message", (message) => {
        if (message !== READY) return fail();
        clearTimeout(timer);
        thread.off("exit", fail);
        resolve(thread);
      });
    });
  }

  async #end(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    // One that did not start is gone already.
    await thread?.then((started) => started.terminate()).catch(() => {});
  }
}

function refused(message: string): JobAnswer {
  return { ok: false, message };
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
}
