import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { FakeAgent } from "./agent.ts";
import { answer, describe, givenTo } from "./agent-answers.ts";
import { Attachment } from "./attachment.ts";
import { outputRange } from "./output-range.ts";
import { FileWork } from "./file-work.ts";
import type { HostFrame } from "./frames.ts";
import { BrokenFrameError, jsonFrame, recordFrame, takeFrames } from "./frames.ts";
import type { FakeProcess } from "./process.ts";
import type { StartRequest } from "./requests.ts";
import {
  attachSchema,
  cancelSchema,
  fileSchema,
  helloSchema,
  logSchema,
  readPayload,
  Refusal,
  resizeSchema,
  startSchema,
} from "./requests.ts";

export const PROTOCOL_VERSION = 1;
/** Milliseconds for the host to say `hello`. */
export const HELLO_MS = 10_000;
/** Unfrozen milliseconds that a process outlives its `grace` connection. */
export const SERVER_LOST_MS = 60_000;

/** Bytes of the place that `stdin_at` begins with. */
const PLACE_BYTES = 8;

/** One connection to a fake agent: hello, then operations one after the other. */
export class AgentSession {
  readonly #agent: FakeAgent;
  readonly #socket: Duplex;
  readonly #onClose: () => void;
  readonly #helloTimer: NodeJS.Timeout;
  #rest: Buffer = Buffer.alloc(0);
  #greeted = false;
  /** The process that the operation under way is attached to. */
  #attachment: Attachment | null = null;
  /** Set while that operation is a `start`: what becomes of the process when the host goes. */
  #started: StartRequest | null = null;
  /** The operation on files that has the connection, to its end. */
  #file: FileWork | null = null;
  /** An answer is on its way. */
  #answering = false;
  /** Ends the log that is being followed. */
  #stopFollowing: () => void = () => undefined;
  #closed = false;

  constructor(agent: FakeAgent, socket: Duplex, onClose: () => void) {
    this.#agent = agent;
    this.#socket = socket;
    this.#onClose = onClose;
    this.#helloTimer = setTimeout(() => this.destroy(), HELLO_MS);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", () => this.destroy());
    socket.on("end", () => this.destroy());
    socket.on("close", () => this.destroy());
  }

  /** Closes it, as when the host goes. */
  destroy(): void {
    if (this.#closed) return;
    this.#close();
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#closed) return;
    try {
      const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      this.#rest = takeFrames(bytes, (name, payload) => {
        if (!this.#closed) this.#handle(name, payload);
      });
    } catch (error) {
      if (error instanceof BrokenFrameError) this.#refuseAndClose(new Refusal("protocol", error.message));
      else if (error instanceof Refusal) this.#refuseAndClose(error);
      else throw error;
    }
  }

  /** A `Refusal` that comes out of here ends the connection. */
  #handle(name: HostFrame, payload: Buffer): void {
    if (!this.#greeted) return this.#hello(name, payload);
    if (this.#file !== null) return this.#file.frame(name, payload);
    switch (name) {
      case "stdin":
        return this.#stdin(payload);
      case "stdin_at":
        return this.#stdinAt(payload);
      case "stdin_close":
        return this.#stdinClose(payload);
      case "resize":
        return this.#resize(payload);
      case "cancel": {
        const { reason, grace_ms } = readPayload(cancelSchema, payload);
        this.#attachment?.process.terminate(reason, grace_ms);
        return;
      }
      case "hello":
        throw new Refusal("protocol", "hello was said before");
      default:
        if (this.#attachment !== null || this.#answering) throw new Refusal("protocol", "an operation is under way");
        return this.#operate(name, payload);
    }
  }

  #stdin(payload: Buffer): void {
    const acknowledge = (bytes: number): void => this.#send(jsonFrame("stdin_room", { bytes }));
    if (this.#attachment === null || this.#attachment.process.feed(payload, acknowledge)) return;
    this.#send(jsonFrame("error", { code: "stdin_full", message: "the queue is full" }));
  }

  /** Bytes behind their place in all input: what has come before is not taken again. */
  #stdinAt(payload: Buffer): void {
    if (payload.length < PLACE_BYTES) throw new Refusal("protocol", "stdin_at begins with 8 bytes");
    const at = Number(payload.readBigUInt64LE(0));
    const bytes = payload.subarray(PLACE_BYTES);
    const process = this.#attachment?.process;
    const told = (count: number): void => this.#send(jsonFrame("stdin_room", { bytes: count, taken: process?.stdin.taken ?? 0 }));
    if (process === undefined) return;
    const { received } = process.stdin;
    if (at > received) return this.#send(jsonFrame("error", { code: "stdin_gap", message: "bytes before these have not come" }));
    const fresh = bytes.subarray(received - at);
    if (fresh.length === 0) return told(0);
    if (!process.feed(fresh, told)) this.#send(jsonFrame("error", { code: "stdin_full", message: "the queue is full" }));
  }

  #stdinClose(payload: Buffer): void {
    const stdin = this.#attachment?.process.stdin;
    if (payload.length >= PLACE_BYTES && stdin !== undefined && Number(payload.readBigUInt64LE(0)) !== stdin.received)
      return this.#send(jsonFrame("error", { code: "stdin_gap", message: "bytes before the end have not come" }));
    stdin?.close();
  }

  /** No operation of its own, so a refusal is not the last frame. */
  #resize(payload: Buffer): void {
    if (this.#attachment === null) return;
    const { terminal } = this.#attachment.process;
    try {
      const size = readPayload(resizeSchema, payload);
      if (terminal === null) throw new Refusal("bad_request", "the process has no terminal");
      terminal.size = size;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#send(jsonFrame("error", { code: error.code, message: error.message, field: error.field }));
    }
  }

  #hello(name: HostFrame, payload: Buffer): void {
    if (name !== "hello") throw new Refusal("protocol", "hello comes first");
    const hello = readPayload(helloSchema, payload);
    if (this.#agent.diesAt("hello")) return;
    const { capsuleId, secret } = this.#agent.settings;
    if (hello.version !== PROTOCOL_VERSION) throw new Refusal("version_unsupported", `this agent speaks version ${PROTOCOL_VERSION}`);
    if (hello.capsule !== capsuleId || hello.secret !== secret) throw new Refusal("unauthorized", "not this capsule, or not its secret");
    clearTimeout(this.#helloTimer);
    this.#greeted = true;
    const { bootId, idleMs, busy, clock } = this.#agent;
    this.#send(
      jsonFrame("welcome", {
        version: PROTOCOL_VERSION,
        agent: "0.1.0-fake",
        capsule: capsuleId,
        boot_id: bootId,
        idle_ms: idleMs,
        busy,
        paused: clock.frozen,
      }),
    );
  }

  #operate(name: Exclude<HostFrame, "hello" | "stdin" | "stdin_at" | "stdin_close" | "cancel" | "resize">, payload: Buffer): void {
    try {
      if (name === "start") return this.#start(readPayload(startSchema, payload));
      if (name === "attach") return this.#attach(payload);
      if (name === "log") return this.#log(payload);
      if (name === "output") return this.#output(payload);
      if (name === "dial" || name === "ports") throw new Refusal("refused", "nothing listens in a fake capsule");
      if (name === "file") return this.#work(payload);
      const result = answer(this.#agent, name, payload);
      if (!(result instanceof Promise)) return this.#send(jsonFrame("result", result));
      this.#answering = true;
      void result.then((value) => {
        this.#answering = false;
        this.#send(jsonFrame("result", value));
      });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#send(jsonFrame("error", { code: error.code, message: error.message, field: error.field }));
    }
  }

  #start(request: StartRequest): void {
    this.#agent.touch();
    if (this.#agent.diesAt("start")) return;
    const repeated = request.key === undefined ? undefined : this.#agent.processes.findKey(request.key);
    const process = repeated ?? this.#agent.start(request);
    if (this.#agent.diesAt("started")) return;
    this.#send(
      jsonFrame("started", { ...describe(process), ...givenTo(process), next_seq: 1, ...(repeated !== undefined && { repeated: true }) }),
    );
    if (!request.attach) return;
    if (repeated !== undefined) return this.#follow(process, 1);
    this.#started = request;
    this.#follow(process, 1);
  }

  #log(payload: Buffer): void {
    const { from, follow } = readPayload(logSchema, payload);
    const { log } = this.#agent;
    if (from > log.next) throw new Refusal("invalid_offset", `the next entry is ${log.next}`, "from");
    for (const entry of log.from(from)) this.#send(jsonFrame("entry", entry));
    if (!follow) return this.#send(jsonFrame("result", { next: log.next }));
    this.#answering = true;
    this.#stopFollowing = log.follow((entry) => this.#send(jsonFrame("entry", entry)));
  }

  #output(payload: Buffer): void {
    const { records, result } = outputRange(this.#agent, payload);
    for (const record of records) this.#send(recordFrame(record));
    this.#send(jsonFrame("result", result));
  }

  #work(payload: Buffer): void {
    this.#agent.touch();
    const request = readPayload(fileSchema, payload);
    this.#file = new FileWork(this.#agent.settings.disk, request, {
      send: (frame) => this.#send(frame),
      /** As a worker does: after its last frame it closes the connection. */
      over: () => {
        if (this.#closed) return;
        this.#agent.touch();
        this.#close();
        this.#socket.end();
      },
      drained: () => (this.#socket.writableNeedDrain ? once(this.#socket, "drain") : undefined),
    });
    this.#file.begin();
  }

  #attach(payload: Buffer): void {
    const { selector, from } = readPayload(attachSchema, payload);
    this.#agent.touch();
    const process = this.#agent.processes.find(selector);
    if (process === undefined) throw new Refusal("not_found", "no such process", "selector");
    const next = process.journal.nextSeq;
    const seq = from === "now" ? next : from === "start" ? 1 : from;
    const { journal, exit } = process;
    const tails = (["stdout", "stderr"] as const).filter((kind) => journal.tail(kind).length > 0).length;
    if (seq > next + (exit === null ? 0 : Math.max(1, tails))) throw new Refusal("invalid_offset", `the next record is ${next}`, "from");
    this.#send(jsonFrame("started", { ...describe(process), ...givenTo(process), next_seq: seq }));
    this.#follow(process, seq);
  }

  #follow(process: FakeProcess, seq: number): void {
    this.#attachment = new Attachment(this.#agent, process, seq, this.#socket, {
      ended: () => this.#release(),
      stalled: () => this.#refuseAndClose(new Refusal("slow_consumer", "the reader stalled the process for too long")),
    });
    this.#attachment.pump();
  }

  #release(): void {
    this.#attachment?.close();
    this.#attachment = null;
    this.#started = null;
  }

  #send(frame: Buffer): void {
    if (!this.#closed) this.#socket.write(frame);
  }

  /** Says why, and closes when that is read. */
  #refuseAndClose(refusal: Refusal): void {
    this.#send(jsonFrame("error", { code: refusal.code, message: refusal.message, field: refusal.field }));
    this.#close();
    this.#socket.end();
  }

  #close(): void {
    this.#closed = true;
    clearTimeout(this.#helloTimer);
    this.#stopFollowing();
    this.#file?.close();
    const process = this.#attachment?.process;
    const disconnect = this.#started?.on_disconnect ?? "continue";
    this.#release();
    this.#onClose();
    if (process === undefined || process.exit !== null) return;
    if (disconnect === "kill") process.terminate("client_gone", 0);
    else if (disconnect === "grace" && process.request.timeout_ms === 0)
      process.onEnd(this.#agent.clock.after(SERVER_LOST_MS, () => process.terminate("server_lost", 0)));
  }
}
