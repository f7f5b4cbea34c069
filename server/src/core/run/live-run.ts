import type { ProcessStream } from "../ports/agent-link.ts";
import type { RunPosition, RunReader } from "./output.ts";
import type { RunPlan } from "./plan.ts";
import type { RunRecord } from "./record.ts";
import type { Ticket } from "./run-queue.ts";
import { PackedReader } from "./run-reader.ts";
import type { RunTape } from "./run-tape.ts";
import type { RunHandle } from "./service.ts";

/** A run that this server has in hand: it waits, runs, or has ended and is not stored yet. */
export class LiveRun {
  record: RunRecord;
  /** `null` for one whose caller went with an earlier life of the server: it can be followed, not started. */
  readonly plan: RunPlan | null;
  /** Who is told of its end. */
  notify: RunPlan["notify"];
  readonly tape: RunTape;
  readonly ended: Promise<RunRecord>;
  readonly #resolve: (run: RunRecord) => void;
  /** Its intent is stored, or need not be. */
  isCommitted = false;
  /** Its plan is stored with its intent, so that a restarted server can start it: it is started under a key, once. */
  isDurable = false;
  /** It may have been started by an earlier life of the server. */
  isContinued = false;
  /** Its place in the endpoint's queue, and whether its turn has come; `null` where the endpoint has no bound. */
  ticket: Ticket | null = null;
  hasTurn = false;
  hasBegun = false;
  timer: NodeJS.Timeout | null = null;
  /** Its process, while there is one. */
  stream: ProcessStream | null = null;
  /** Somebody has asked for its end. */
  cancelled: "cancelled" | "client_gone" | null = null;

  constructor(record: RunRecord, plan: RunPlan | null, tape: RunTape) {
    this.record = record;
    this.plan = plan;
    this.notify = plan?.notify ?? null;
    this.tape = tape;
    const { promise, resolve } = Promise.withResolvers<RunRecord>();
    this.ended = promise;
    this.#resolve = resolve;
  }

  get isOver(): boolean {
    return this.record.endedAt !== null;
  }

  finish(record: RunRecord): void {
    this.record = record;
    this.stream = null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.tape.finish(record);
    this.#resolve(record);
  }

  handle(isNew: boolean): RunHandle {
    return new LiveHandle(this, isNew);
  }
}

class LiveHandle implements RunHandle {
  readonly #live: LiveRun;
  readonly isNew: boolean;

  constructor(live: LiveRun, isNew: boolean) {
    this.#live = live;
    this.isNew = isNew;
  }

  /** With what was printed so far. */
  get run(): RunRecord {
    const { record, isOver, tape } = this.#live;
    const { stdoutBytes, stderrBytes } = tape.printed;
    if (isOver || (stdoutBytes <= record.stdoutBytes && stderrBytes <= record.stderrBytes)) return record;
    return { ...record, stdoutBytes: Math.max(stdoutBytes, record.stdoutBytes), stderrBytes: Math.max(stderrBytes, record.stderrBytes) };
  }

  get isCounted(): boolean {
    return this.#live.isOver || !this.#live.isContinued;
  }

  get ended(): Promise<RunRecord> {
    return this.#live.ended;
  }

  read(from: RunPosition, isLent?: boolean): RunReader {
    return new PackedReader(this.#live.tape, from, isLent);
  }
}
