import { terminalServerMessage } from "@capsuled/contract";
import type { TerminalServerMessage } from "@capsuled/contract";
import { WebSocket } from "ws";
import { Arrivals } from "./arrivals.ts";
import { readState } from "./state.ts";
import type { Closed } from "./stream.ts";

/** One viewer of a terminal; keeps every message, each checked against the contract. */
export class TerminalClient implements AsyncDisposable {
  readonly messages: TerminalServerMessage[] = [];
  readonly closed: Promise<Closed>;
  readonly socket: WebSocket;
  readonly #arrivals = new Arrivals();
  #shown = "";

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.binaryType = "nodebuffer";
    socket.on("message", (data) => {
      try {
        if (!Buffer.isBuffer(data)) throw new Error("the server sent no text");
        const message = terminalServerMessage.parse(JSON.parse(data.toString("utf8")));
        this.messages.push(message);
        if (message.type === "output") this.#shown += Buffer.from(message.data, "base64").toString("latin1");
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

  /** What it showed so far, a character a byte. */
  get shown(): string {
    return this.#shown;
  }

  send(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  /** Types text. */
  type(text: string): void {
    this.send({ type: "input", data: Buffer.from(text).toString("base64") });
  }

  async message<T extends TerminalServerMessage["type"]>(
    type: T,
    timeoutMs = 30_000,
  ): Promise<Extract<TerminalServerMessage, { type: T }>> {
    const is = (message: TerminalServerMessage): message is Extract<TerminalServerMessage, { type: T }> => message.type === type;
    return this.#until(() => this.messages.find(is), `a ${type} message`, timeoutMs);
  }

  /** Waits until what was shown holds a text, or fits a pattern. */
  async shows(what: string | RegExp, timeoutMs = 30_000): Promise<string> {
    const holds = (): boolean => (typeof what === "string" ? this.#shown.includes(what) : what.test(this.#shown));
    return this.#until(() => (holds() ? this.#shown : undefined), `${String(what)} on the terminal`, timeoutMs);
  }

  #until<T>(ask: () => T | undefined, what: string, timeoutMs: number): Promise<T> {
    return this.#arrivals.until(ask, timeoutMs, () => {
      const others = this.messages.filter(({ type }) => type !== "output");
      return `${what} did not come; shown ${JSON.stringify(this.#shown.slice(-1000))}, got ${JSON.stringify(others)}`;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    this.socket.terminate();
    await this.closed;
  }
}

/** Opens the socket of a capsule's terminals and sends its first message. */
export async function openTerminal(capsuleId: string, first: unknown, path = `/v1/capsules/${capsuleId}/pty`): Promise<TerminalClient> {
  const { url, adminKey } = readState();
  const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, { headers: { "x-api-key": adminKey }, perMessageDeflate: false });
  const client = new TerminalClient(socket);
  await new Promise<void>((opened, refused) => {
    socket.once("open", opened);
    socket.once("error", refused);
  });
  client.send(first);
  return client;
}
