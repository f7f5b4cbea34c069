import type { ProcessEnd, ProcessEvent, ProcessStream, Started, TerminalSize } from "../../core/ports/agent-link.ts";

/** A process whose events a test sends, and whose calls it can await. */
export class FakeStream implements ProcessStream {
  readonly started: Started;
  readonly calls: string[] = [];
  readonly stdin: Buffer[] = [];
  isPaused = false;
  #listener: ((event: ProcessEvent) => void) | null = null;
  #waiting: { readonly call: string; readonly resolve: () => void }[] = [];
  #seq = 0;
  readonly #offsets = { stdout: 0, stderr: 0 };

  constructor(started: Partial<Started> = {}) {
    this.started = { id: `pr-${"0".repeat(25)}`, pid: 42, tag: "bg-a1b2c3d4", nextSeq: 1, startedAt: 1_000, ...started };
  }

  onEvent(listener: (event: ProcessEvent) => void): void {
    this.#listener = listener;
    this.#note("onEvent");
  }

  pause(): void {
    if (!this.isPaused) this.#note("pause");
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.#note("resume");
  }

  sendStdin(bytes: Uint8Array): void {
    this.stdin.push(Buffer.from(bytes));
    this.#note("sendStdin");
  }

  closeStdin(): void {
    this.#note("closeStdin");
  }

  resize({ cols, rows }: TerminalSize): void {
    this.#note(`resize ${cols} ${rows}`);
  }

  cancel(reason: string, graceMs: number): void {
    this.#note(`cancel ${reason} ${graceMs}`);
  }

  close(): void {
    this.#note("close");
  }

  emit(event: ProcessEvent): void {
    this.#listener?.(event);
  }

  print(kind: "stdout" | "stderr", bytes: Uint8Array | string, tail: Uint8Array = new Uint8Array(0)): void {
    const printed = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    this.#seq += 1;
    this.emit({ kind, seq: this.#seq, offset: this.#offsets[kind], tail, bytes: printed });
    this.#offsets[kind] += printed.length;
  }

  exit(facts: Partial<ProcessEnd> = {}): void {
    this.#seq += 1;
    this.emit({ ...endOf(facts), seq: this.#seq, stdoutBytes: this.#offsets.stdout, stderrBytes: this.#offsets.stderr, ...facts });
  }

  /** Resolves once the server has made this call, also when it did so already. */
  called(call: string): Promise<void> {
    if (this.calls.includes(call)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ call, resolve }));
  }

  #note(call: string): void {
    this.calls.push(call);
    for (const waiter of this.#waiting) if (waiter.call === call) waiter.resolve();
    this.#waiting = this.#waiting.filter((waiter) => waiter.call !== call);
  }
}

/** An end with every fact, `exit 0` unless said otherwise. */
export function endOf(facts: Partial<ProcessEnd> = {}): ProcessEnd {
  return {
    kind: "exit",
    id: `pr-${"0".repeat(25)}`,
    pid: 42,
    tag: "",
    seq: 1,
    exitCode: 0,
    signal: null,
    reason: "exited",
    requested: null,
    oomKills: 0,
    durationMs: 3,
    startedAt: 1_000,
    endedAt: 1_003,
    stdoutBytes: 0,
    stderrBytes: 0,
    lateBytes: 0,
    ...facts,
  };
}
