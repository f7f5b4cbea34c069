import { serverMessage } from "@capsuled/contract";
import type { ServerMessage } from "@capsuled/contract";
import { WebSocket } from "ws";
import { Arrivals } from "./arrivals.ts";
import { readState } from "./state.ts";

/** How a socket ended. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A client of one of our sockets; keeps every message, each checked against the contract. */
export class StreamClient implements AsyncDisposable {
  readonly messages: ServerMessage[] = [];
  readonly closed: Promise<Closed>;
  readonly socket: WebSocket;
  readonly #arrivals = new Arrivals();

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.binaryType = "nodebuffer";
    socket.on("message", (data, isBinary) => {
      try {
        if (isBinary || !Buffer.isBuffer(data)) throw new Error("the server sent a binary message");
        this.messages.push(serverMessage.parse(JSON.parse(data.toString("utf8"))));
        this.#arrivals.tell();
      } catch (error) {
        this.#arrivals.break(error);
      }
    });
    this.closed = new Promise((done) => {
      socket.once("close", (code, reason) => {
        done({ code, reason: reason.toString() });
        this.#arrivals.end();
      });
    });
    socket.on("error", () => {}); // the close that follows tells
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  /** The first message for which this holds, now or later. */
  async message<T extends ServerMessage["type"]>(
    type: T,
    holds: (message: Extract<ServerMessage, { type: T }>) => boolean = () => true,
    timeoutMs = 30_000,
  ): Promise<Extract<ServerMessage, { type: T }>> {
    const is = (message: ServerMessage): message is Extract<ServerMessage, { type: T }> => message.type === type;
    return this.#until(
      () => this.messages.find((message) => is(message) && holds(message)) as Extract<ServerMessage, { type: T }> | undefined,
      `a ${type} message`,
      timeoutMs,
    ); // found by `is`
  }

  /** Waits until what was printed so far on a stream holds. */
  async printed(holds: (text: string) => boolean, stream: "stdout" | "stderr" = "stdout", timeoutMs = 30_000): Promise<string> {
    return this.#until(() => (holds(this.text(stream)) ? this.text(stream) : undefined), `output on ${stream}`, timeoutMs);
  }

  /** What was printed so far: the messages' data, joined. */
  text(stream: "stdout" | "stderr" = "stdout"): string {
    return this.messages.map((message) => (message.type === stream ? message.data : "")).join("");
  }

  #until<T>(ask: () => T | undefined, what: string, timeoutMs: number): Promise<T> {
    return this.#arrivals.until(ask, timeoutMs, () => `${what} did not come; got ${JSON.stringify(this.messages).slice(0, 2000)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    this.socket.terminate();
    await this.closed;
  }
}

export interface SocketOptions {
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Opens a socket of ours; throws `UpgradeRefused` where HTTP answers instead. */
export async function openSocket(path: string, options: SocketOptions = {}): Promise<StreamClient> {
  const { url, adminKey } = readState();
  const key = options.key === undefined ? adminKey : options.key;
  const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, {
    headers: { ...options.headers, ...(key === null ? {} : { "x-api-key": key }) },
    perMessageDeflate: false,
    maxPayload: 64 * 1024 * 1024,
  });
  const client = new StreamClient(socket);
  await new Promise<void>((opened, refused) => {
    socket.once("open", opened);
    socket.once("unexpected-response", (request, response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () => {
        refused(new UpgradeRefused(response.statusCode ?? 0, body));
        request.destroy();
      });
    });
    socket.once("error", refused);
  });
  return client;
}

/** The HTTP answer in place of an upgrade. */
export class UpgradeRefused extends Error {
  override readonly name = "UpgradeRefused";
  readonly status: number;
  readonly body: string;
  constructor(status: number, body: string) {
    super(`the upgrade was refused with ${status}: ${body}`);
    this.status = status;
    this.body = body;
  }
}

/** The refusal that an upgrade must meet with. */
export async function refusedUpgrade(path: string, options: SocketOptions = {}): Promise<UpgradeRefused> {
  try {
    const client = await openSocket(path, options);
    client.socket.terminate();
  } catch (error) {
    if (error instanceof UpgradeRefused) return error;
    throw error;
  }
  throw new Error(`the upgrade of ${path} was not refused`);
}

/** An exec stream with its `start` sent. */
export async function startStream(
  capsuleId: string,
  start: Readonly<Record<string, unknown>>,
  options: SocketOptions = {},
): Promise<StreamClient> {
  const client = await openSocket(`/v1/capsules/${capsuleId}/exec/stream`, options);
  client.send({ type: "start", ...start });
  return client;
}

/** Attaches to a process. */
export async function attach(capsuleId: string, selector: string, query = "", options: SocketOptions = {}): Promise<StreamClient> {
  return openSocket(`/v1/capsules/${capsuleId}/processes/${encodeURIComponent(selector)}/stream${query}`, options);
}
