import { utf8Bytes } from "@capsuled/contract";
import type { BuildLogEntry } from "@capsuled/contract";
import type { EventSignal } from "../event/event-signal.ts";
import type { Log } from "../ports/log.ts";
import { ENTRY_CHARS_MAX, LAST_CHARS, LOG_CHARS_MAX, LOG_WAIT_MS } from "./limits.ts";
import type { NumberedEntry } from "./record.ts";
import type { BuildStore } from "./store.ts";

type OutputEntry = Extract<BuildLogEntry, { readonly type: "output" }>;
type Stream = OutputEntry["stream"];

/**
 * What a build tells, on its way to the store: numbered, output joined, bounded. Output is never waited for: what the store does not
 * take at once stays here, and the bound of the whole bounds that too.
 */
export class BuildLog {
  readonly #store: Pick<BuildStore, "appendLog">;
  readonly #signal: EventSignal;
  readonly #log: Log;
  readonly #id: string;
  #seq = 0;
  #left = LOG_CHARS_MAX;
  #joining: OutputEntry | null = null;
  #waiting: NumberedEntry[] = [];
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #dropped = 0;
  #step = 0;
  #isClosed = false;
  /** Whether the store did not take it the last time. */
  #isFailing = false;
  #last = "";
  #decoders = freshDecoders();

  constructor(store: Pick<BuildStore, "appendLog">, signal: EventSignal, log: Log, id: string) {
    this.#store = store;
    this.#signal = signal;
    this.#log = log;
    this.#id = id;
  }

  /** A step begins, ends, or was found in the cache. What it left unsaid comes before. */
  step(entry: Extract<BuildLogEntry, { readonly type: "step" }>): void {
    if (this.#isClosed) return;
    this.#endOutput(entry.step);
    if (entry.state === "started") this.#last = "";
    this.#push(entry);
    this.#later();
  }

  /** Bytes of a step; text is cut at characters, whatever cuts the bytes. */
  output(step: number, stream: Stream, bytes: Uint8Array): void {
    this.#text(step, stream, this.#decoders[stream].decode(bytes, { stream: true }));
  }

  /** A line of ours about a step. */
  line(step: number, text: string): void {
    this.#text(step, "stdout", `${text}\n`);
  }

  /** Bytes that were lost on their way here. */
  missing(bytes: number): void {
    this.#dropped += bytes;
  }

  /** The end of what the step under way printed. */
  get last(): string {
    return this.#last.toWellFormed();
  }

  /** What the step printed last, where that did not come by here. */
  lastOf(text: string): void {
    this.#last = text.slice(-LAST_CHARS);
  }

  /** Whether more output would only be counted. */
  get isFull(): boolean {
    return this.#left === 0;
  }

  /** Ends it: what comes later is nobody's. Resolves with what the store has not taken. */
  async close(): Promise<readonly NumberedEntry[]> {
    this.#cut();
    if (this.#dropped > 0) this.#push({ type: "gap", step: this.#step, bytes: this.#dropped });
    this.#isClosed = true;
    await this.#write();
    return this.#waiting;
  }

  #text(step: number, stream: Stream, text: string): void {
    if (text === "" || this.#isClosed) return;
    this.#step = step;
    this.#last = (this.#last + text).slice(-LAST_CHARS);
    const kept = head(text, this.#left);
    this.#left = kept.length < text.length ? 0 : this.#left - kept.length;
    if (kept.length < text.length) this.#dropped += utf8Bytes(text.slice(kept.length));
    for (let rest = kept; rest !== "";) {
      const part = head(rest, ENTRY_CHARS_MAX);
      this.#join(step, stream, part);
      rest = rest.slice(part.length);
    }
    this.#later();
  }

  #join(step: number, stream: Stream, text: string): void {
    const joining = this.#joining;
    if (joining !== null && joining.step === step && joining.stream === stream && joining.data.length + text.length <= ENTRY_CHARS_MAX) {
      this.#joining = { ...joining, data: joining.data + text };
      return;
    }
    this.#cut();
    this.#joining = { type: "output", step, stream, data: text };
  }

  #endOutput(step: number): void {
    for (const stream of ["stdout", "stderr"] as const) this.#text(step, stream, this.#decoders[stream].decode());
    this.#decoders = freshDecoders();
    this.#cut();
    if (this.#dropped > 0) this.#push({ type: "gap", step, bytes: this.#dropped });
    this.#dropped = 0;
  }

  #cut(): void {
    if (this.#joining === null) return;
    this.#push(this.#joining);
    this.#joining = null;
  }

  #push(entry: BuildLogEntry): void {
    this.#seq += 1;
    this.#waiting.push({ seq: this.#seq, entry });
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#cut();
      void this.#write();
    }, LOG_WAIT_MS);
  }

  #write(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#writing = this.#writing.then(async () => {
      const entries = this.#waiting;
      if (entries.length === 0) return;
      this.#waiting = [];
      try {
        await this.#store.appendLog(this.#id, entries);
        this.#isFailing = false;
        this.#signal.signal(this.#id);
      } catch (error) {
        this.#waiting = [...entries, ...this.#waiting];
        if (!this.#isFailing) this.#log.warn({ buildId: this.#id, error }, "a build's log could not be stored yet");
        this.#isFailing = true;
        // Nothing more may be printed for long. Once it is closed, who closed it has the rest.
        if (!this.#isClosed) this.#later();
      }
    });
    return this.#writing;
  }
}

/** The beginning of a text, at most so many units, that splits no character. */
function head(text: string, max: number): string {
  const splits = max > 0 && max < text.length && /[\uD800-\uDBFF]/.test(text.charAt(max - 1));
  return text.slice(0, splits ? max - 1 : max);
}

function freshDecoders(): Record<Stream, InstanceType<typeof TextDecoder>> {
  return { stdout: new TextDecoder(), stderr: new TextDecoder() };
}
