import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { Socket } from "node:net";
import { OCI_LIMITS } from "./options.ts";
import { programEnv, STRAY_STREAMS_MS } from "./run-program.ts";
import { spawnPiped } from "./spawn-piped.ts";

/** Characters kept of what it says when it fails. */
const COMPLAINT_MAX = 1000;

export type Answer = Readonly<Record<string, unknown>>;

export interface StepOptions {
  /** What the step is told beside its words. */
  readonly spec?: unknown;
  /** Kills the step. */
  readonly signal?: AbortSignal;
  /** Milliseconds until it is killed. */
  readonly timeoutMs: number;
  /** Gets what the step tells before its answer. Must not throw. */
  readonly onPiece?: (piece: unknown) => void;
}

type Child = ChildProcessWithoutNullStreams;

interface Step {
  readonly id: number;
  /** What is written to begin it. */
  readonly line: string;
  readonly settle: (outcome: Answer | Error) => void;
  readonly onPiece: (piece: unknown) => void;
  /** The process that does it; `null` while it waits. */
  child: Child | null;
  /** Why nobody wants it any more. */
  givenUp: Error | null;
  /** Ends the process that does not even end a step. */
  patience: NodeJS.Timeout | null;
}

/**
 * One process that is kept to do steps, each in a child of its own: to start a program for each costs this process, which is large, more
 * than most steps take. It is started at the first step, and again at the next one after it has died; it ends with this process, and
 * everything under way in it too. `agent/launcher/src/serve.rs` has what is said between them.
 */
export class KeptProcess {
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #patienceMs: number;
  #child: Child | null = null;
  /** Resolves when the latest one has ended with all that it did. */
  #ended: Promise<void> = Promise.resolve();
  #nextId = 1;
  readonly #running = new Map<number, Step>();
  readonly #waiting: Step[] = [];

  /** `patienceMs`: how long it may take to end a step that was given up, before it is ended itself, with all that it does. */
  constructor(program: string, args: readonly string[], patienceMs: number = OCI_LIMITS.stepEndMs) {
    this.#program = program;
    this.#args = args;
    this.#patienceMs = patienceMs;
  }

  /** Starts it ahead of the first step. What keeps it from starting is told to the steps. */
  start(): void {
    try {
      this.#open();
    } catch {
      // The first step tries again, and is told.
    }
  }

  /**
   * Resolves with the answer of the step, whatever it says. Throws when there is none: it was aborted or took too long (then it has ended
   * by now), the process died under it, or too many wait.
   */
  async step(words: readonly string[], { spec = null, signal, timeoutMs, onPiece = () => undefined }: StepOptions): Promise<Answer> {
    signal?.throwIfAborted();
    if (this.#waiting.length >= OCI_LIMITS.stepsWaiting)
      throw new Error(`More than ${OCI_LIMITS.stepsWaiting} steps wait for the launcher.`);
    const { promise, resolve } = Promise.withResolvers<Answer | Error>();
    const id = this.#nextId++;
    const step: Step = {
      id,
      line: `${JSON.stringify({ id, words, spec })}\n`,
      settle: resolve,
      onPiece,
      child: null,
      givenUp: null,
      patience: null,
    };
    const giveUp = (why: Error): void => {
      // Once is enough: a second patience would outlive the step, and end all that others have under way.
      if (step.givenUp !== null) return;
      step.givenUp = why;
      this.#giveUp(step);
    };
    const onAbort = (): void => giveUp(new Error("The step was aborted.", { cause: signal?.reason }));
    const timer = setTimeout(() => giveUp(new Error(`${words[0]} took longer than ${timeoutMs} ms.`)), timeoutMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#waiting.push(step);
    this.#beginNext();
    try {
      const outcome = await promise;
      if (step.givenUp !== null) throw step.givenUp;
      if (outcome instanceof Error) throw outcome;
      return outcome;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Resolves when it has ended; steps under way are cut off. A later step starts another one. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child !== null) {
      // Who waits for its end must not have ended before, with what was to be done after it.
      hold(child);
      // The end of its input is what it ends at.
      child.stdin.end();
    }
    await this.#ended;
  }

  #giveUp(step: Step): void {
    const at = this.#waiting.indexOf(step);
    if (at === -1) {
      step.child?.stdin.write(`${JSON.stringify({ cancel: step.id })}\n`);
      step.patience = setTimeout(() => step.child?.kill("SIGKILL"), this.#patienceMs);
    } else {
      this.#waiting.splice(at, 1);
      step.settle(new Error("The step was given up."));
    }
  }

  #beginNext(): void {
    while (this.#running.size < OCI_LIMITS.stepsAtOnce) {
      const step = this.#waiting.shift();
      if (step === undefined) return;
      try {
        step.child = this.#open();
        this.#running.set(step.id, step);
        hold(step.child);
        step.child.stdin.write(step.line);
      } catch (error) {
        step.settle(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  #settle(step: Step, outcome: Answer | Error): void {
    this.#running.delete(step.id);
    if (step.patience !== null) clearTimeout(step.patience);
    step.settle(outcome);
    // One whose input has ended is waited for.
    if (this.#running.size === 0 && step.child !== null && step.child.stdin.writable) letGo(step.child);
    this.#beginNext();
  }

  #told(line: string): void {
    const answer = readAnswer(line);
    const step = this.#running.get(Number(answer["id"]));
    // None: it was given up after it had answered.
    if (step === undefined) return;
    if ("piece" in answer) {
      if (step.givenUp === null) step.onPiece(answer["piece"]);
    } else this.#settle(step, answer);
  }

  #open(): Child {
    if (this.#child !== null) return this.#child;
    // From no directory that somebody may want to unmount.
    const child = spawnPiped(this.#program, this.#args, { cwd: "/", env: programEnv() });
    this.#child = child;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    let unread = "";
    let complaint = "";
    let isForeign = false;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      // Nor is what it says behind that an answer.
      if (isForeign) return;
      const lines = `${unread}${text}`.split("\n");
      unread = lines.pop() ?? "";
      try {
        for (const line of lines) this.#told(line);
      } catch (error) {
        // One that says what nobody understands is of no more use; its steps hear of its end.
        isForeign = true;
        complaint = `It said what is no answer: ${error instanceof Error ? error.message : String(error)}`;
        child.kill("SIGKILL");
      }
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint = `${complaint}${text}`.slice(-COMPLAINT_MAX)));
    // Its end is what matters, not the pipe that broke at it.
    child.stdin.on("error", () => undefined);
    const gone = (): void => {
      if (this.#child === child) this.#child = null;
    };
    const over = (how: string): void => {
      gone();
      for (const step of [...this.#running.values()].filter((one) => one.child === child))
        this.#settle(step, new Error(`The launcher ended with ${how} and no answer. ${complaint}`.trim()));
      resolve();
    };
    child.on("error", (error) => {
      if (child.pid === undefined) over(error.message);
    });
    child.on("exit", () => {
      gone();
      const strays = setTimeout(() => {
        for (const stream of [child.stdout, child.stderr]) stream.destroy();
      }, STRAY_STREAMS_MS);
      child.once("close", () => clearTimeout(strays));
    });
    // Its streams close when its children have ended as well: what they were making is not made any further.
    child.on("close", (code, signal) => over(signal ?? `code ${code}`));
    letGo(child);
    return child;
  }
}

/** While it does nothing it keeps nobody from ending. */
function letGo(child: Child): void {
  child.unref();
  for (const stream of child.stdio) if (stream instanceof Socket) stream.unref();
}

function hold(child: Child): void {
  child.ref();
  for (const stream of child.stdio) if (stream instanceof Socket) stream.ref();
}

function readAnswer(line: string): Answer {
  const answer: unknown = JSON.parse(line);
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) throw new Error("The launcher's answer is not an object.");
  return Object.fromEntries(Object.entries(answer));
}
