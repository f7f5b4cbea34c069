import type { Capsule as CapsuleFacts, TerminalServerMessage, TerminalStart } from "../contract/schemas.ts";
import { streamErrorOf } from "../commands/process-feed.ts";
import { StreamError } from "../errors.ts";
import { property } from "../transport/answer.ts";
import { fromBase64 } from "../transport/bytes.ts";
import type { SocketReader } from "../transport/reconnecting.ts";
import { intIn, textIn } from "../transport/reconnecting.ts";
import type { Request, Transport } from "../transport/transport.ts";
import { WaitingRoom } from "../transport/waiting-room.ts";

/** Bytes that wait for their consumer; beyond it the socket is left until there is room. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

export type TerminalMessage<T extends TerminalServerMessage["type"]> = Extract<TerminalServerMessage, { type: T }>;

export type TerminalSource =
  | { readonly start: Omit<TerminalStart, "type"> & { readonly tag: string } }
  | { readonly connect: string; readonly from: "now" | "start" | "scrollback" | number };

export interface TerminalListener {
  started(message: TerminalMessage<"started">): void;
  output(bytes: Uint8Array, gapBytes: number, seq: number | undefined): void;
  exit(message: TerminalMessage<"exit">): void;
}

/** Takes a terminal's messages off its sockets, each byte once and in order, and says where the next socket is to go on. */
export class TerminalFeed implements SocketReader {
  readonly #transport: Transport;
  readonly #capsuleId: string;
  readonly #source: TerminalSource;
  readonly #listener: TerminalListener;
  /** The terminal's process, once it is known. */
  id: string | null = null;
  #next: number | null = null;
  /** Bytes of the record that is due which have come: its number comes with its last bytes. */
  #partial = 0;
  /** Bytes to pass over: they came over the socket before. */
  #seen = 0;
  #taken = 0;
  readonly #room = new WaitingRoom(WAITING_BYTES_MAX);
  #isStartSent = false;

  constructor(transport: Transport, capsuleId: string, source: TerminalSource, listener: TerminalListener) {
    this.#transport = transport;
    this.#capsuleId = capsuleId;
    this.#source = source;
    this.#listener = listener;
  }

  target(): { readonly id: "openTerminal"; readonly request: Request } {
    return { id: "openTerminal", request: { params: { id: this.#capsuleId } } };
  }

  first(): object {
    this.#seen = this.#partial;
    this.#partial = 0;
    if (this.id !== null) return { type: "connect", tag: this.id, ...(this.#next === null ? {} : { from: this.#next }) };
    if ("connect" in this.#source) {
      const { connect, from } = this.#source;
      return { type: "connect", tag: connect, ...(from === "scrollback" ? {} : { from }) };
    }
    // A start whose answer was cut off has made the terminal, or has not: its tag tells.
    if (this.#isStartSent) return { type: "connect", tag: this.#source.start.tag, from: "start" };
    this.#isStartSent = true;
    return { ...this.#source.start, type: "start" };
  }

  progress(): number {
    return this.#taken;
  }

  mayRenew(): boolean {
    return true;
  }

  async ready(): Promise<void> {
    await this.#room.ready();
  }

  drained(bytes: number): void {
    this.#room.drained(bytes);
  }

  makeRoom(): void {
    this.#room.open();
  }

  take(raw: unknown): "more" | "done" | "again" {
    const message = messageOf(raw);
    switch (message?.type) {
      case undefined:
      case "ping":
        return "more";
      case "started": {
        if (this.#next !== null && message.next_seq !== this.#next) {
          throw new StreamError("bad_message", `the server went on at record ${message.next_seq}, not at ${this.#next}`);
        }
        const isFirst = this.id === null;
        this.id = message.id;
        this.#next = message.next_seq;
        if (isFirst) this.#listener.started(message);
        return "more";
      }
      case "output":
        return this.#output(message);
      case "exit":
        this.#listener.exit(message);
        return "done";
      case "error":
        return this.#error(message);
    }
  }

  async diagnose(signal: AbortSignal | undefined): Promise<void> {
    const { status } = await this.#transport.json<CapsuleFacts>("getCapsule", { params: { id: this.#capsuleId }, signal });
    if (status !== "running") throw streamErrorOf("invalid_state", `The capsule is ${status}, not running.`);
  }

  #output({ data, seq, gap_bytes: gapBytes = 0 }: TerminalMessage<"output">): "more" | "again" {
    const bytes = fromBase64(data);
    if (!this.#room.has(bytes.length)) return "again";
    const passed = Math.min(this.#seen, bytes.length);
    this.#seen -= passed;
    this.#partial += bytes.length;
    if (seq !== undefined) {
      this.#next = seq + 1;
      this.#partial = 0;
      this.#seen = 0;
    }
    this.#taken += 1;
    this.#room.add(bytes.length - passed);
    if (passed < bytes.length || gapBytes > 0) this.#listener.output(bytes.subarray(passed), gapBytes, seq);
    return "more";
  }

  #error({ code, data, fatal }: TerminalMessage<"error">): "more" | "again" {
    if (fatal !== true) return "more";
    if (code === "slow_consumer" || code === "server_stopping" || code === "agent_error") return "again";
    if (code === "terminal_not_found" && this.id === null && this.#isStartSent) {
      this.#isStartSent = false; // it was not made
      return "again";
    }
    throw streamErrorOf(code, data);
  }
}

function messageOf(raw: unknown): TerminalServerMessage | undefined {
  const type = textIn(raw, "type");
  const isWhole =
    type === "ping" ||
    (type === "started" && textIn(raw, "id") !== undefined && textIn(raw, "tag") !== undefined && intIn(raw, "next_seq") !== undefined) ||
    (type === "output" && textIn(raw, "data") !== undefined) ||
    (type === "exit" && intIn(raw, "exit_code") !== undefined) ||
    (type === "error" && textIn(raw, "code") !== undefined && textIn(raw, "data") !== undefined);
  if (isWhole) return raw as TerminalServerMessage; // its fields were checked above
  if (["started", "output", "exit", "error"].includes(type ?? "") || property(raw, "type") === undefined) {
    throw new StreamError("bad_message", `the server sent what is no message: ${JSON.stringify(raw)?.slice(0, 200) ?? "nothing"}`);
  }
  return undefined;
}
