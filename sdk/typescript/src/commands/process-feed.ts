import { apiErrorOf } from "../api-errors.ts";
import { ERRORS } from "../contract/operations.ts";
import type { Capsule as CapsuleFacts, ProcessFacts, StreamServerMessage, StreamStart } from "../contract/schemas.ts";
import type { CapsuledError } from "../errors.ts";
import { StdinError, StreamError } from "../errors.ts";
import { property } from "../transport/answer.ts";
import type { SocketReader } from "../transport/reconnecting.ts";
import { intIn, textIn } from "../transport/reconnecting.ts";
import type { Request, Transport } from "../transport/transport.ts";
import { WaitingRoom } from "../transport/waiting-room.ts";
import type { Message } from "./process-event.ts";

/** Characters of messages that wait for their consumer; beyond it the socket is left until there is room. */
const WAITING_CHARS_MAX = 4 * 1024 * 1024;
/** The same while standard input is open, which the socket's end would end too. */
const WAITING_CHARS_MAX_WITH_STDIN = 64 * 1024 * 1024;

/** Of the server's window: what is taken before it is acknowledged. */
const ACK_PART = 0.25;

/** What a feed reads: a command that is to be started, or a process that is there. */
export type FeedSource =
  | { readonly start: StreamStart & { readonly tag: string; readonly idempotency_key: string } }
  | { readonly selector: string; readonly from: "now" | "start" | number };

export interface FeedListener {
  started(message: Message<"start">): void;
  output(message: Message<"stdout" | "stderr" | "gap" | "exit">): void;
  stdinLost(error: StdinError): void;
  /** A connection stands over which standard input goes on behind so many bytes. */
  stdinOpen(given: { readonly bytes: number; readonly closed: boolean }): void;
  /** The command has taken so many bytes in all. */
  stdinTaken(bytes: number): void;
  /** The server is to hear that everything up to this record was taken. */
  acknowledge(seq: number): void;
}

/** Takes a process's messages off its sockets, each record once and in order, and says where the next socket is to go on. */
export class ProcessFeed implements SocketReader {
  readonly #transport: Transport;
  readonly #capsuleId: string;
  readonly #source: FeedSource;
  readonly #listener: FeedListener;
  /** The process, once it is known. */
  id: string | null = null;
  /** The record that is due. */
  #next: number | null;
  #taken = 0;
  /** Characters that the server sends beyond what was acknowledged; servers of before send what there is. */
  #window: number | null = null;
  /** Of what was taken since. */
  #unacknowledged = 0;
  readonly #room = new WaitingRoom(WAITING_CHARS_MAX);
  /** Whether standard input is open. */
  holdsStdin = false;
  /** Whether standard input outlives its socket: servers of before cannot tell how much of it came. */
  isStdinKept = false;

  constructor(transport: Transport, capsuleId: string, source: FeedSource, listener: FeedListener) {
    this.#transport = transport;
    this.#capsuleId = capsuleId;
    this.#source = source;
    this.#listener = listener;
    this.#next = "start" in source || source.from === "start" ? 1 : source.from === "now" ? null : source.from;
  }

  target(): { readonly id: "execStream" | "streamProcess"; readonly request: Request } {
    const selector = this.id ?? ("selector" in this.#source ? this.#source.selector : null);
    if (selector === null) return { id: "execStream", request: { params: { id: this.#capsuleId } } };
    return {
      id: "streamProcess",
      request: { params: { id: this.#capsuleId, selector }, query: { from: this.#next ?? "now", encoding: "base64" } },
    };
  }

  first(): object | null {
    return this.id === null && "start" in this.#source ? { ...this.#source.start, type: "start", encoding: "base64" } : null;
  }

  progress(): number {
    return this.#taken;
  }

  mayRenew(): boolean {
    // A server that waits for the consumer is silent.
    return (!this.holdsStdin || this.isStdinKept) && (this.#window === null || this.#room.isEmpty);
  }

  /** Resolves at once, or when the consumer has taken enough. */
  async ready(): Promise<void> {
    await this.#room.ready();
  }

  /** The consumer has taken a message of so many characters, and with it everything up to a record. */
  drained(chars: number, seq: number): void {
    this.#room.drained(chars);
    this.#unacknowledged += chars;
    if (this.#window === null || this.#unacknowledged < this.#window * ACK_PART) return;
    this.#unacknowledged = 0;
    this.#listener.acknowledge(seq);
  }

  makeRoom(): void {
    this.#room.open();
  }

  take(raw: unknown): "more" | "done" | "again" {
    const message = messageOf(raw);
    switch (message?.type) {
      case undefined:
        return "more"; // of a newer server
      case "start":
        return this.#start(message);
      case "stdout":
      case "stderr":
        return this.#output(message);
      case "stdin_ack":
        this.#listener.stdinTaken(message.bytes);
        return "more";
      case "gap":
        if (this.#next !== null && message.seq < this.#next) return "more";
        this.#accept(message, 0);
        return "more";
      case "exit":
        this.#accept(message, 0);
        return "done";
      case "error":
        return this.#error(message);
    }
  }

  async diagnose(signal: AbortSignal | undefined): Promise<void> {
    const selector = this.id ?? ("selector" in this.#source ? this.#source.selector : null);
    if (selector === null) {
      const { status } = await this.#transport.json<CapsuleFacts>("getCapsule", { params: { id: this.#capsuleId }, signal });
      if (status !== "running") throw wrongState(status);
      return;
    }
    const facts = await this.#transport.json<ProcessFacts>("getProcess", { params: { id: this.#capsuleId, selector }, signal });
    const { status } = await this.#transport.json<CapsuleFacts>("getCapsule", { params: { id: this.#capsuleId }, signal });
    if (status === "running") return;
    if (facts.running) throw wrongState(status);
    throw new StreamError(
      "capsule_gone",
      `The process ended (${facts.reason ?? "nobody saw how"}), and its capsule is ${status}: its output cannot be read now.`,
    );
  }

  #start(message: Message<"start">): "more" {
    const isFirst = this.id === null;
    this.id = message.id;
    if (this.#next !== null && message.next_seq !== this.#next) {
      throw new StreamError("bad_message", `the server went on at record ${message.next_seq}, not at ${this.#next}`);
    }
    this.#next = message.next_seq;
    const { stdin, window } = message;
    this.#window = window ?? null;
    this.#unacknowledged = 0;
    if (window !== undefined) this.#listener.acknowledge(message.next_seq - 1);
    if (stdin !== undefined) this.isStdinKept = true;
    if (isFirst) this.#listener.started(message);
    if (stdin !== undefined) this.#listener.stdinOpen(stdin);
    return "more";
  }

  #output(message: Message<"stdout" | "stderr">): "more" | "again" {
    const first = message.first_seq ?? message.seq;
    if (first !== this.#next) throw new StreamError("bad_message", `record ${first} came where ${this.#next ?? "the first one"} was due`);
    const max = this.holdsStdin ? WAITING_CHARS_MAX_WITH_STDIN : WAITING_CHARS_MAX;
    if (!this.#room.has(message.data.length, max)) return "again";
    this.#accept(message, message.data.length);
    return "more";
  }

  #accept(message: Message<"stdout" | "stderr" | "gap" | "exit">, chars: number): void {
    this.#next = message.seq + 1;
    this.#taken += 1;
    this.#room.add(chars);
    this.#listener.output(message);
  }

  #error({ code, data }: Message<"error">): "more" | "again" {
    // What the server did not take is sent again over the next connection.
    if (this.isStdinKept && (code === "stdin_full" || code === "stdin_gap")) return "again";
    if (code === "stdin_full") {
      this.#listener.stdinLost(new StdinError(`The process does not read as fast as it was written to: ${data}`));
      return "more";
    }
    if (code === "slow_consumer" || code === "server_stopping" || code === "agent_error") return "again";
    throw streamErrorOf(code, data);
  }
}

/** An `error` message, as an error of its code's class. */
export function streamErrorOf(code: string, text: string): CapsuledError {
  const known = Object.entries(ERRORS).find(([name]) => name === code)?.[1];
  if (known === undefined) return new StreamError(code, text);
  return apiErrorOf({ status: known.status, code, message: text, requestId: null, details: {}, retryAfterSec: null });
}

function wrongState(status: string): CapsuledError {
  return streamErrorOf("invalid_state", `The capsule is ${status}, not running.`);
}

/** A message of the contract; `undefined` for one that this SDK does not know. */
function messageOf(raw: unknown): StreamServerMessage | undefined {
  const type = textIn(raw, "type");
  const has = (texts: readonly string[], ints: readonly string[]): boolean =>
    texts.every((name) => textIn(raw, name) !== undefined) && ints.every((name) => intIn(raw, name) !== undefined);
  const isWhole =
    type === "start"
      ? has(["id", "tag"], ["pid", "next_seq"])
      : type === "stdin_ack"
        ? has([], ["bytes"])
        : type === "stdout" || type === "stderr"
          ? has(["data"], ["seq"])
          : type === "gap"
            ? has([], ["seq", "stdout_bytes", "stderr_bytes"])
            : type === "exit"
              ? has(["reason"], ["seq", "exit_code", "stdout_bytes", "stderr_bytes"])
              : type === "error" && has(["data", "code"], []);
  if (isWhole) return raw as StreamServerMessage; // its fields were checked above
  if (["start", "stdout", "stderr", "gap", "exit", "error", "stdin_ack"].includes(type ?? "") || property(raw, "type") === undefined) {
    throw new StreamError("bad_message", `the server sent what is no message: ${JSON.stringify(raw)?.slice(0, 200) ?? "nothing"}`);
  }
  return undefined;
}
