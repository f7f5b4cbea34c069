import type { Duplex } from "node:stream";
import type { FakeAgent } from "./agent.ts";
import { exitOf } from "./agent-answers.ts";
import { jsonFrame, recordFrame } from "./frames.ts";
import type { JournalReader } from "./journal.ts";
import type { FakeProcess } from "./process.ts";

/** Bytes that wait unsent for one connection at most. */
export const UNSENT_BYTES_MAX = 256 * 1024;

/** A connection that follows a process: sends records as the socket takes them, then the exit. */
export class Attachment implements JournalReader {
  readonly process: FakeProcess;
  position: number;
  readonly #agent: FakeAgent;
  readonly #socket: Duplex;
  readonly #on: { readonly ended: () => void; readonly stalled: () => void };
  #open = true;
  readonly #onDrain = (): void => this.pump();

  constructor(
    agent: FakeAgent,
    process: FakeProcess,
    position: number,
    socket: Duplex,
    on: { readonly ended: () => void; readonly stalled: () => void },
  ) {
    this.#agent = agent;
    this.process = process;
    this.position = position;
    this.#socket = socket;
    this.#on = on;
    process.journal.readers.add(this);
    socket.on("drain", this.#onDrain);
  }

  notify(): void {
    this.pump();
  }

  drop(): void {
    if (this.#open) this.#on.stalled();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.off("drain", this.#onDrain);
    this.process.journal.readers.delete(this);
    this.process.journal.onProgress?.();
  }

  /** Sends what there is and fits. */
  pump(): void {
    const { journal } = this.process;
    const before = this.position;
    while (this.#open && this.#socket.writableLength < UNSENT_BYTES_MAX) {
      const entry = journal.read(this.position);
      if (entry === null) break;
      if (this.#agent.diesAt("output")) return;
      this.#socket.write("kind" in entry ? recordFrame(entry) : jsonFrame("gap", entry));
      this.position = "kind" in entry ? entry.seq + 1 : entry.to_seq + 1;
    }
    if (this.position !== before) {
      this.#agent.touch();
      journal.onProgress?.();
    }
    if (this.#open && this.process.exit !== null && this.position >= journal.nextSeq) this.#finish(this.process.exit);
  }

  #finish(exit: NonNullable<FakeProcess["exit"]>): void {
    if (this.#agent.diesAt("exit")) return;
    this.#socket.write(jsonFrame("exit", exitOf(this.process, exit)));
    this.#on.ended();
  }
}
