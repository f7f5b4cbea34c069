import type { FakeDisk } from "./disk.ts";
import { Journal } from "./journal.ts";
import type { Program, ProgramIo, SignalName } from "./program.ts";
import { Interrupted, SignalDeath, SIGNALS } from "./program.ts";
import type { StartRequest } from "./requests.ts";
import type { Stopwatch } from "./stopwatch.ts";
import { StdinQueue } from "./stdin-queue.ts";
import { FakeTerminal } from "./terminal.ts";

/** Unfrozen milliseconds that a reader may stall a process. */
export const STALLED_READER_MS = 30_000;
/** Writes after which a program that never waits lets others run. */
const WRITES_PER_TURN = 16;

/** The facts of an end, as the `exit` frame has them. */
export interface ExitFacts {
  readonly exit_code: number;
  readonly signal: SignalName | null;
  readonly reason: string;
  readonly oom_kills: number;
  readonly ended_at_ms: number;
  readonly duration_ms: number;
  readonly requested: { readonly by: string; readonly signal: string } | null;
}

/** Who asks for an end, as `requested.by` has it. */
const ASKED_BY = {
  timed_out: "timeout",
  client_gone: "disconnect",
  server_lost: "server",
  stopped: "cancel",
  capsule_stopped: "shutdown",
  capsule_destroyed: "shutdown",
} as const;
type EndReason = keyof typeof ASKED_BY;

interface Request {
  readonly by: string;
  readonly signal: "SIGTERM" | "SIGKILL";
  readonly reason: string;
}

/** Thrown into a program whose process is no more. */
class ProcessKilled extends Error {
  override readonly name = "ProcessKilled";
}

export interface ProcessWorld {
  /** Runs programs; stands still while the capsule is frozen. */
  readonly work: Stopwatch;
  /** The agent's own clock. */
  readonly clock: Stopwatch;
  readonly disk: FakeDisk;
  readonly journalBytes: number;
}

/** One process: a program that runs in the event loop, its journal, and its end. */
export class FakeProcess {
  readonly request: StartRequest;
  readonly pid: number;
  readonly journal: Journal;
  readonly stdin: StdinQueue;
  readonly terminal: FakeTerminal | null;
  readonly startedAt = Date.now();
  exit: ExitFacts | null = null;
  readonly #world: ProcessWorld;
  readonly #onEnd = new Set<() => void>();
  #requested: Request | null = null;
  #ignoresTerm = false;
  #over = false;
  #writes = 0;
  /** Ends the wait that the program is in. */
  #interrupt: ((error: Error) => void) | null = null;
  #catchesInterrupt = false;
  readonly #began = performance.now();

  constructor(request: StartRequest, pid: number, world: ProcessWorld) {
    this.request = request;
    this.pid = pid;
    this.#world = world;
    this.journal = new Journal(world.journalBytes);
    this.stdin = new StdinQueue(request.stdin || request.pty !== undefined);
    const echo = (bytes: Buffer): void => this.journal.append("stdout", bytes);
    this.terminal = request.pty === undefined ? null : new FakeTerminal(request.pty, this.stdin, echo, () => this.#pressInterrupt());
    if (request.timeout_ms > 0) {
      const stop = world.clock.after(request.timeout_ms, () => this.#send({ by: "timeout", signal: "SIGKILL", reason: "timed_out" }));
      this.onEnd(stop);
    }
  }

  /** Gives bytes to its standard input. `false`: there is no room, and they are dropped. */
  feed(bytes: Buffer, onTaken: (bytes: number) => void): boolean {
    if (this.terminal === null) return this.stdin.add(bytes, onTaken);
    const hasRoom = this.terminal.type(bytes);
    onTaken(bytes.length);
    return hasRoom;
  }

  /** Calls `listener` once when it ends. */
  onEnd(listener: () => void): () => void {
    this.#onEnd.add(listener);
    return () => this.#onEnd.delete(listener);
  }

  /** Runs the program to its end. */
  async run(program: Program): Promise<void> {
    try {
      const code = await program(this.#io());
      this.#end(code & 255, null, "exited", 0);
    } catch (error) {
      if (error instanceof ProcessKilled) return;
      if (error instanceof SignalDeath)
        this.#end(128 + SIGNALS[error.signal], error.signal, error.oom ? "oom_killed" : "signaled", error.oom ? 1 : 0);
      else this.#crash(error);
    }
  }

  signal(signal: "SIGTERM" | "SIGKILL", by: string): void {
    this.#send({ by, signal, reason: "killed" });
  }

  /** SIGTERM, and SIGKILL after `graceMs` of the agent's clock; 0 is SIGKILL at once. */
  terminate(reason: EndReason, graceMs: number): void {
    const by = ASKED_BY[reason];
    if (graceMs > 0) {
      this.#send({ by, signal: "SIGTERM", reason });
      this.onEnd(this.#world.clock.after(graceMs, () => this.#send({ by, signal: "SIGKILL", reason })));
    } else {
      this.#send({ by, signal: "SIGKILL", reason });
    }
  }

  /** The machine is gone: the program stops and nobody hears of an end. */
  vanish(): void {
    this.#onEnd.clear();
    this.#stop();
  }

  #send(request: Request): void {
    if (this.exit !== null) return;
    if (request.signal === "SIGTERM" && this.#world.work.frozen) {
      this.onEnd(this.#world.work.after(0, () => this.#send(request)));
      return;
    }
    this.#requested = request;
    if (request.signal === "SIGTERM" && this.#ignoresTerm) return;
    this.#end(128 + SIGNALS[request.signal], request.signal, request.reason, 0);
  }

  /** ^C: ends the process, or what its shell waits for. */
  #pressInterrupt(): void {
    if (!this.#catchesInterrupt) return this.#end(128 + SIGNALS.SIGINT, "SIGINT", "signaled", 0);
    const interrupt = this.#interrupt;
    this.#interrupt = null;
    interrupt?.(new Interrupted());
  }

  #end(exitCode: number, signal: SignalName | null, reason: string, oomKills: number): void {
    if (this.exit !== null) return;
    const requested = this.#requested === null ? null : { by: this.#requested.by, signal: this.#requested.signal };
    const durationMs = Math.round(performance.now() - this.#began);
    this.exit = {
      exit_code: exitCode,
      signal,
      reason,
      oom_kills: oomKills,
      requested,
      duration_ms: durationMs,
      ended_at_ms: this.startedAt + durationMs,
    };
    this.#stop();
    const listeners = [...this.#onEnd];
    this.#onEnd.clear();
    for (const listener of listeners) listener();
    for (const reader of this.journal.readers) reader.notify();
  }

  #stop(): void {
    this.#over = true;
    const interrupt = this.#interrupt;
    this.#interrupt = null;
    interrupt?.(new ProcessKilled());
  }

  #crash(error: unknown): void {
    this.journal.append("stderr", Buffer.from(`the program failed: ${error instanceof Error ? error.message : String(error)}\n`));
    this.#end(70, null, "exited", 0);
  }

  #io(): ProgramIo {
    const { request, pid } = this;
    return {
      args: request.args,
      env: this.terminal === null ? request.env : { TERM: "xterm-256color", ...request.env },
      terminal: this.terminal,
      cwd: request.cwd,
      pid,
      disk: this.#world.disk,
      write: (kind, bytes) =>
        this.terminal === null ? this.#write(kind, Buffer.from(bytes)) : this.#write("stdout", this.terminal.shown(Buffer.from(bytes))),
      read: async () => {
        await this.#runnable();
        if (!this.stdin.ready) await this.#wait((done) => this.stdin.whenReady(done));
        return this.stdin.take();
      },
      sleep: (ms) => this.#wait((done) => this.#world.work.after(ms, done)),
      ignoreTerm: () => {
        this.#ignoresTerm = true;
      },
      catchInterrupt: () => {
        this.#catchesInterrupt = true;
      },
    };
  }

  async #write(kind: "stdout" | "stderr", bytes: Buffer): Promise<void> {
    await this.#runnable();
    for (let behind = this.journal.behind(bytes.length); behind.length > 0; behind = this.journal.behind(bytes.length)) {
      await this.#wait((done) => {
        this.journal.onProgress = done;
        return this.#world.clock.after(STALLED_READER_MS, () => behind.forEach((reader) => reader.drop()));
      });
      this.journal.onProgress = null;
    }
    await this.#runnable();
    this.journal.append(kind, bytes);
  }

  /** Waits while the capsule is frozen; now and then lets the event loop turn. */
  async #runnable(): Promise<void> {
    this.#writes += 1;
    if (this.#world.work.frozen || this.#writes % WRITES_PER_TURN === 0) await this.#wait((done) => this.#world.work.after(0, done));
    if (this.#over) throw new ProcessKilled();
  }

  /** A wait that a kill cuts short. `arm` begins it and gives what calls it off. */
  #wait(arm: (done: () => void) => () => void): Promise<void> {
    if (this.#over) return Promise.reject(new ProcessKilled());
    return new Promise((resolve, reject) => {
      let callOff = (): void => {};
      this.#interrupt = (error) => {
        callOff();
        reject(error);
      };
      callOff = arm(() => {
        this.#interrupt = null;
        callOff();
        resolve();
      });
    });
  }
}
