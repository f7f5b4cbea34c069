import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import type { StartSpec } from "../../core/ports/agent-link.ts";
import { encodeJson, encodeRecord, FRAME, FrameParser } from "../frame.ts";
import { createAgentLink } from "../link.ts";

export const CAPSULE = `cl-${"c".repeat(25)}`;
export const SECRET = "5e".repeat(32);

export type FrameName = keyof typeof FRAME;

export interface Received {
  readonly name: FrameName;
  readonly payload: Buffer;
}

/** The agent's end of one connection: says only what the test has it say. */
export class PeerConnection {
  readonly socket: Duplex;
  readonly closed: Promise<void>;
  readonly #parser = new FrameParser();
  readonly #received: Received[] = [];
  #waiting: ((frame: Received) => void) | null = null;

  constructor(socket: Duplex, closed: Promise<void>) {
    this.socket = socket;
    this.closed = closed;
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => this.#parser.push(chunk, (type, payload) => this.#take(nameOf(type), Buffer.from(payload))));
  }

  /** The next frame of the host, which must be `name`; its payload. */
  async expect(name: FrameName): Promise<Buffer> {
    const frame = this.#received.shift() ?? (await new Promise<Received>((resolve) => (this.#waiting = resolve)));
    if (frame.name !== name) throw new Error(`the host sent ${frame.name}, not ${name}`);
    return frame.payload;
  }

  async expectJson(name: FrameName): Promise<unknown> {
    return JSON.parse((await this.expect(name)).toString("utf8"));
  }

  /** Frames that came and were not expected yet. */
  get pending(): readonly Received[] {
    return this.#received;
  }

  /** Sends the frames as one chunk. */
  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** Hears hello and says welcome, with `after` in the same chunk. */
  async welcome(...after: Buffer[]): Promise<void> {
    await this.expect("hello");
    this.send(welcome(), ...after);
  }

  /** Says no more, as an agent that dies. */
  hangUp(): void {
    this.socket.end();
  }

  #take(name: FrameName, payload: Buffer): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) this.#received.push({ name, payload });
    else waiting({ name, payload });
  }
}

function nameOf(type: number): FrameName {
  for (const [name, value] of Object.entries(FRAME)) if (value === type && isName(name)) return name;
  throw new Error(`no frame 0x${type.toString(16)}`);
}

function isName(name: string): name is FrameName {
  return Object.hasOwn(FRAME, name);
}

export interface Peer extends AsyncDisposable {
  readonly open: () => Promise<Duplex>;
  /** The next connection that the host makes, in the order they were made. */
  readonly next: () => Promise<PeerConnection>;
  /** Connections that the host has made. */
  readonly count: () => number;
}

/** Resolves when it is closed, by an error too. */
function closeOf(stream: Duplex): Promise<void> {
  return new Promise((resolve) => stream.once("close", resolve));
}

/** An agent that a test plays: over in-memory streams, where one `send` is one chunk, or over real sockets. */
export async function createPeer(kind: "memory" | "socket" = "memory"): Promise<Peer> {
  const queue: PeerConnection[] = [];
  const waiting: ((connection: PeerConnection) => void)[] = [];
  let count = 0;
  const accept = (socket: Duplex, closed: Promise<void>): void => {
    count += 1;
    const connection = new PeerConnection(socket, closed);
    const waiter = waiting.shift();
    if (waiter === undefined) queue.push(connection);
    else waiter(connection);
  };
  const next = (): Promise<PeerConnection> => {
    const connection = queue.shift();
    return connection === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(connection);
  };
  if (kind === "memory") {
    const open = async (): Promise<Duplex> => {
      const [host, agent] = duplexPair();
      accept(
        agent,
        closeOf(host).then(() => void agent.destroy()),
      );
      return host;
    };
    return { open, next, count: () => count, [Symbol.asyncDispose]: async () => undefined };
  }
  const path = `\0capsuled-test-${randomBytes(8).toString("hex")}`;
  const server = createServer((socket) => accept(socket, closeOf(socket)));
  server.listen(path);
  await once(server, "listening");
  const open = async (): Promise<Duplex> => {
    const socket = connect(path);
    await once(socket, "connect");
    return socket;
  };
  const dispose = async (): Promise<void> => {
    server.close();
    await once(server, "close");
  };
  return { open, next, count: () => count, [Symbol.asyncDispose]: dispose };
}

/** A link to the peer, closed at the end of the test's block. */
export function linkTo(peer: Peer) {
  const link = createAgentLink(CAPSULE, SECRET, peer.open);
  return { ...link, [Symbol.dispose]: () => link.close() };
}

export const PROCESS = `pr-${"p".repeat(25)}`;

export function startSpec(change: Partial<StartSpec> = {}): StartSpec {
  const plain = { id: PROCESS, cmd: "true", args: [], env: { PATH: "/usr/bin:/bin" }, cwd: "/root", tag: "", stdin: false, timeoutMs: 0 };
  return { ...plain, foreground: true, busy: true, onDisconnect: "grace", ...change };
}

export function welcome(change: object = {}): Buffer {
  const plain = { version: 1, agent: "0.1.0", capsule: CAPSULE, boot_id: "ab".repeat(16), idle_ms: 0, busy: 0, paused: false };
  return encodeJson(FRAME.welcome, { ...plain, ...change });
}

export function started(change: object = {}): Buffer {
  return encodeJson(FRAME.started, { id: PROCESS, pid: 42, tag: "", next_seq: 1, started_at_ms: 1_790_000_000_000, ...change });
}

export function output(kind: "stdout" | "stderr", seq: number, text: string | Uint8Array, offset = 0): Buffer {
  return encodeRecord(FRAME[kind], { seq, offset, timeUs: 1, tail: new Uint8Array(0), bytes: Buffer.from(text) });
}

export function exit(change: object = {}): Buffer {
  const plain = { id: PROCESS, pid: 42, tag: "", seq: 9, exit_code: 0, signal: null, reason: "exited", requested: null, oom_kills: 0 };
  const facts = { duration_ms: 1, started_at_ms: 1, ended_at_ms: 2, stdout_bytes: 0, stderr_bytes: 0, late_bytes: 0 };
  return encodeJson(FRAME.exit, { ...plain, ...facts, ...change });
}

export function result(value: object = {}): Buffer {
  return encodeJson(FRAME.result, value);
}

export function refusal(code: string, field?: string): Buffer {
  return encodeJson(FRAME.error, { code, message: `refused: ${code}`, field });
}

/** Turns of the event loop, for what must have happened without an event of its own. */
export async function turns(count = 5): Promise<void> {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Timers and sockets that keep the program alive; compare before and after. */
export function resources(): readonly string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => /Timeout|Pipe|TCP/.test(name))
    .toSorted();
}
