import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Job, JobAnswer, JobSource } from "./job.ts";
import { faulty, jobAnswer, READY, refused } from "./job.ts";
import { WORKER_LIMITS } from "./limits.ts";
import { codeOf } from "../lib/error-code.ts";

/**
 * One thread that does one job at a time, for what could hold the event loop. A job that takes too long, or too much memory, is ended
 * with its thread, and the next one gets a new thread. A thread without work is ended after a while; it never keeps the server alive.
 */
export class BoundedThread {
  readonly #jobMsMax: number;
  #thread: Promise<Worker> | null = null;
  /** The one that has started, while it lives. */
  #ready: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  /** Whether it has a job. */
  isBusy = false;
  /** Threads made so far. */
  made = 0;

  /** `jobMsMax`: milliseconds of one job. */
  constructor(jobMsMax: number) {
    this.#jobMsMax = jobMsMax;
  }

  /** Does a job; only while it has no other. Never rejects: whatever goes wrong is a message. */
  async perform(source: JobSource): Promise<JobAnswer> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    this.isBusy = true;
    try {
      const job = typeof source === "function" ? await source() : source;
      return "ok" in job ? job : await this.#perform(job);
    } catch {
      return refused("what it works on could not be read");
    } finally {
      this.isBusy = false;
      if (this.#thread !== null) this.#idle = setTimeout(() => void this.end(), WORKER_LIMITS.idleMsMax).unref();
    }
  }

  /** Ends its thread, and the job under way. */
  async end(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    this.#ready = null;
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    // One that did not start is gone already.
    await thread?.then((started) => started.terminate()).catch(() => {});
  }

  async #perform(job: Job): Promise<JobAnswer> {
    let thread: Worker;
    try {
      this.#thread ??= this.#start();
      thread = await this.#thread;
    } catch {
      await this.end();
      return refused("no thread could be started for it");
    }
    thread.ref();
    const { answer, isLost } = await this.#ask(thread, job);
    if (isLost) await this.end();
    else thread.unref();
    return answer;
  }

  #forget(thread: Worker): void {
    if (this.#ready !== thread) return;
    this.#ready = null;
    this.#thread = null;
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
        end(
          isOutOfMemory(error) ? faulty(`it takes more than ${WORKER_LIMITS.heapMbMax} MiB`) : refused("it could not be worked on"),
          true,
        );
      const onExit = (): void => end(refused("it could not be worked on"), true);
      const timer = setTimeout(() => end(faulty(`it takes longer than ${this.#jobMsMax} ms`), true), this.#jobMsMax);
      thread.on("message", onMessage).on("error", onError).on("exit", onExit);
      post(thread, job);
    });
  }

  #start(): Promise<Worker> {
    this.made += 1;
    const thread = new Worker(new URL(`thread${extname(import.meta.url)}`, import.meta.url), {
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
        this.#ready = thread;
        // One that dies between two jobs is not given the next.
        thread.once("exit", () => this.#forget(thread));
        resolve(thread);
      });
    });
  }
}

/** A view of a larger buffer would be sent with all of it. */
function post(thread: Worker, job: Job): void {
  if (!("stdout" in job)) return thread.postMessage(job);
  const stdout = Uint8Array.from(job.stdout);
  thread.postMessage({ ...job, stdout } satisfies Job, [stdout.buffer]);
}

function isOutOfMemory(error: unknown): boolean {
  return codeOf(error) === "ERR_WORKER_OUT_OF_MEMORY";
}
