import type { Principal } from "../../core/access/principal.ts";
import { fail } from "../../core/fail.ts";
import type { RunGap, RunItem, RunPosition, RunReader } from "../../core/run/output.ts";
import type { RunRecord } from "../../core/run/record.ts";
import type { RunHandle, RunOutputPart, RunRequest, RunService } from "../../core/run/service.ts";

type Item = Exclude<RunItem, { readonly kind: "end" }>;

/** A run whose output and end a test tells. */
export class FakeRun {
  record: RunRecord;
  readonly request: RunRequest;
  readonly items: Item[] = [];
  readonly ended: Promise<RunRecord>;
  isCounted = true;
  /** What happens when a reader has come to what there is. */
  onIdle: () => void = () => {};
  /** Readers open now. */
  readers = 0;
  #waiting: (() => void)[] = [];
  #settle: (run: RunRecord) => void = () => {};

  constructor(record: RunRecord, request: RunRequest) {
    this.record = record;
    this.request = request;
    this.ended = new Promise((resolve) => (this.#settle = resolve));
  }

  print(stream: "stdout" | "stderr", text: string | Uint8Array): void {
    const bytes = Buffer.from(text);
    const offset = stream === "stdout" ? this.record.stdoutBytes : this.record.stderrBytes;
    this.items.push({ kind: "output", stream, offset, bytes });
    const field = stream === "stdout" ? "stdoutBytes" : "stderrBytes";
    this.record = { ...this.record, [field]: offset + bytes.length };
    this.#wake();
  }

  /** Bytes that were printed and are not kept. */
  lose(gap: Omit<RunGap, "kind">): void {
    this.items.push({ kind: "gap", ...gap });
    const { stdoutBytes, stderrBytes } = this.record;
    this.record = { ...this.record, stdoutBytes: stdoutBytes + gap.stdoutBytes, stderrBytes: stderrBytes + gap.stderrBytes };
    this.#wake();
  }

  end(facts: Partial<RunRecord> = {}): void {
    const endedAt = this.record.createdAt + 5;
    this.record = { ...this.record, status: "succeeded", reason: "exited", exitCode: 0, durationMs: 5, endedAt, ...facts };
    this.#settle(this.record);
    this.#wake();
  }

  get isOver(): boolean {
    return this.record.endedAt !== null;
  }

  handle(isNew: boolean): RunHandle {
    const get = (): RunRecord => this.record;
    return {
      get run() {
        return get();
      },
      isNew,
      isCounted: this.isCounted,
      ended: this.ended,
      read: (from) => this.#read(from),
    };
  }

  #read(from: RunPosition): RunReader {
    let at = 0;
    let isClosed = false;
    let hasEnded = false;
    const skip = { ...from };
    this.readers += 1;
    const nextItem = (): RunItem | null => {
      for (let item = this.items[at]; item !== undefined; item = this.items[at]) {
        at += 1;
        if (item.kind === "gap") return item;
        const skipped = Math.min(item.bytes.length, Math.max(0, skip[item.stream] - item.offset));
        if (skipped < item.bytes.length || item.bytes.length === 0)
          return { ...item, offset: item.offset + skipped, bytes: item.bytes.subarray(skipped) };
      }
      if (!this.isOver || hasEnded) return null;
      hasEnded = true;
      return { kind: "end", run: this.record };
    };
    return {
      next: async (waitMs) => {
        const deadline = performance.now() + waitMs;
        for (;;) {
          if (isClosed || hasEnded) return undefined;
          const item = nextItem();
          if (item !== null) return item;
          const leftMs = deadline - performance.now();
          if (leftMs <= 0) {
            this.onIdle();
            return { kind: "idle" };
          }
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, leftMs);
            this.#waiting.push(() => {
              clearTimeout(timer);
              resolve();
            });
          });
        }
      },
      close: () => {
        if (!isClosed) this.readers -= 1;
        isClosed = true;
        this.#wake();
      },
    };
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Runs of which a test tells what they do. */
export class FakeRuns implements RunService {
  readonly all: FakeRun[] = [];
  readonly abandoned: string[] = [];
  /** What a new run does; `hello` and a good end unless said otherwise. */
  script: (run: FakeRun) => void = (run) => {
    run.print("stdout", "hello\n");
    run.end();
  };
  #nextId = 1;

  async start(request: RunRequest): Promise<RunHandle> {
    const { endpoint, dedupe } = request;
    const earlier = this.all.find(({ record }) => dedupe !== null && record.endpointId === endpoint.id && record.dedupe === dedupe.name);
    if (earlier !== undefined) {
      if (earlier.record.fingerprint !== dedupe?.fingerprint) throw fail("idempotency_conflict");
      return earlier.handle(false);
    }
    const run = new FakeRun(this.#recordOf(request), request);
    this.all.push(run);
    this.script(run);
    return run.handle(true);
  }

  async get(principal: Principal, id: string): Promise<RunHandle> {
    return this.#owned(principal, id).handle(false);
  }

  async find(endpointId: string, id: string): Promise<RunHandle | undefined> {
    return this.all.find(({ record }) => record.id === id && record.endpointId === endpointId)?.handle(false);
  }

  async list(principal: Principal): Promise<{ readonly items: readonly RunRecord[]; readonly nextCursor: null }> {
    return { items: this.all.map(({ record }) => record).filter(({ teamId }) => teamId === principal.teamId), nextCursor: null };
  }

  async cancel(principal: Principal, id: string): Promise<RunRecord> {
    const run = this.#owned(principal, id);
    if (!run.isOver) run.end({ status: "cancelled", reason: "cancelled", exitCode: 137, signal: "SIGKILL" });
    return run.record;
  }

  abandon(id: string): void {
    this.abandoned.push(id);
    this.all.find(({ record }) => record.id === id)?.end({ status: "cancelled", reason: "client_gone", exitCode: null });
  }

  async collect(handle: RunHandle, part: RunOutputPart, bytesMax: number): ReturnType<RunService["collect"]> {
    const run = await handle.ended;
    const items = this.all.find(({ record }) => record.id === run.id)?.items ?? [];
    const isAsked = (stream: string): boolean => part === "both" || stream === "stdout";
    const all = Buffer.concat(items.flatMap((item) => (item.kind === "output" && isAsked(item.stream) ? [item.bytes] : [])));
    const hasGap = items.some(({ kind }) => kind === "gap");
    return { run, output: { bytes: all.subarray(0, bytesMax), isTruncated: all.length > bytesMax, hasGap } };
  }

  async latest(endpointId: string): Promise<RunRecord | undefined> {
    return this.all.findLast(({ record, isOver }) => record.endpointId === endpointId && isOver)?.record;
  }

  /** The run begun last. */
  get last(): FakeRun {
    const run = this.all.at(-1);
    if (run === undefined) throw new Error("no run was begun");
    return run;
  }

  #owned(principal: Principal, id: string): FakeRun {
    const run = this.all.find(({ record }) => record.id === id && record.teamId === principal.teamId);
    if (run === undefined) throw fail("not_found", "There is no run with this id.");
    return run;
  }

  #recordOf({ endpoint, source, keyId, args, dedupe }: RunRequest): RunRecord {
    const number = String(this.#nextId++).padStart(25, "0");
    return {
      id: `run-${number}`,
      teamId: endpoint.teamId,
      endpointId: endpoint.id,
      endpointName: endpoint.name,
      status: "running",
      reason: null,
      error: null,
      exitCode: null,
      signal: null,
      source,
      keyId,
      args: endpoint.definition.sensitive ? null : args,
      dedupe: dedupe?.name ?? null,
      fingerprint: dedupe?.fingerprint ?? null,
      createdAt: 1_000,
      startedAt: 1_000,
      endedAt: null,
      durationMs: null,
      stdoutBytes: 0,
      stderrBytes: 0,
      hostId: "host",
      capsuleId: `cl-${number}`,
      ownsCapsule: true,
      processId: `pr-${number}`,
      deadlineAt: null,
    };
  }
}
