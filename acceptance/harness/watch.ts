import { watchMessage } from "@capsuled/contract";
import type { WatchMessage } from "@capsuled/contract";
import { readdirSync, readlinkSync } from "node:fs";
import { WebSocket } from "ws";
import { pidsInCapsule } from "./host.ts";
import type { Closed } from "./stream.ts";
import { UpgradeRefused } from "./stream.ts";
import { Arrivals } from "./arrivals.ts";
import { piecesOf } from "./event-blocks.ts";
import { readState } from "./state.ts";

/** Milliseconds that a message may take; only a test that fails waits so long. */
const MESSAGE_MS = 30_000;

/** A watch of a capsule's files as a client sees it: every message, each checked against the contract. */
export abstract class WatchClient implements AsyncDisposable {
  readonly messages: WatchMessage[] = [];
  protected readonly arrivals = new Arrivals();

  /** The first message for which this holds, come or to come. */
  message(holds: (message: WatchMessage) => boolean, what = "a message"): Promise<WatchMessage> {
    return this.arrivals.until(
      () => this.messages.find(holds),
      MESSAGE_MS,
      () => `${what} did not come; got ${JSON.stringify(this.messages).slice(0, 2000)}`,
    );
  }

  /** Waits for a change of that path, and gives all changes up to it in short; those of attributes are left out. */
  async changesTo(type: WatchMessage["type"], path: string): Promise<readonly string[]> {
    const last = await this.message((message) => message.type === type && "path" in message && message.path === path, `${type} ${path}`);
    const all = this.messages.slice(0, this.messages.indexOf(last) + 1).filter((one) => one.type !== "attributes_changed");
    return all.flatMap((one) => {
      if (!("path" in one)) return [];
      return [one.type === "renamed" ? `renamed ${one.from} ${one.path}` : `${one.type} ${one.path}`];
    });
  }

  /** Why it ended. */
  async reason(): Promise<string> {
    const ended = await this.message(({ type }) => type === "ended", "the end");
    return ended.type === "ended" ? ended.reason : "";
  }

  abstract [Symbol.asyncDispose](): Promise<void>;

  protected take(text: string): WatchMessage {
    const message = watchMessage.parse(JSON.parse(text));
    this.messages.push(message);
    if ("seq" in message && message.seq !== this.messages.length) this.arrivals.break(new Error(`number ${message.seq} is ${text}`));
    return message;
  }
}

/** Over a WebSocket. */
export class SocketWatch extends WatchClient {
  readonly socket: WebSocket;
  readonly closed: Promise<Closed>;

  constructor(socket: WebSocket) {
    super();
    this.socket = socket;
    socket.on("message", (data) => {
      try {
        this.take(Buffer.isBuffer(data) ? data.toString("utf8") : "");
        this.arrivals.tell();
      } catch (error) {
        this.arrivals.break(error);
      }
    });
    this.closed = new Promise((done) => {
      socket.once("close", (code, reason) => {
        this.arrivals.end();
        done({ code, reason: reason.toString() });
      });
    });
    socket.on("error", () => {}); // the close that follows tells
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }
}

/** As Server-Sent Events. */
export class EventWatch extends WatchClient {
  readonly #abort: AbortController;
  readonly #reading: Promise<void>;

  constructor(response: Response, abort: AbortController) {
    super();
    this.#abort = abort;
    this.#reading = this.#read(response)
      .catch((error: unknown) => {
        if (!abort.signal.aborted) this.arrivals.break(error);
      })
      .finally(() => this.arrivals.end());
  }

  /** Resolves when the server has ended the stream. */
  over(): Promise<void> {
    return this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }

  async #read(response: Response): Promise<void> {
    for await (const { blocks } of piecesOf(response)) {
      for (const block of blocks) this.#block(block.split("\n"));
      this.arrivals.tell();
    }
  }

  #block(lines: readonly string[]): void {
    const field = (name: string): string | undefined => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const data = field("data");
    if (data === undefined) return;
    const message = this.take(data);
    const id = "seq" in message ? String(message.seq) : undefined;
    if (field("event") !== message.type || field("id") !== id)
      this.arrivals.break(new Error(`the event and its fields differ: ${lines.join()}`));
  }
}

/** What a watch of that directory is asked with. */
export function watchPath(capsuleId: string, path: string, recursive = false): string {
  return `/v1/capsules/${capsuleId}/files/watch?${new URLSearchParams({ path, recursive: String(recursive) }).toString()}`;
}

/** Opens a watch over a WebSocket; throws `UpgradeRefused` where HTTP answers instead. */
export async function watchBySocket(path: string): Promise<SocketWatch> {
  const { url, adminKey } = readState();
  const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, { headers: { "x-api-key": adminKey }, perMessageDeflate: false });
  const client = new SocketWatch(socket);
  await new Promise<void>((opened, refused) => {
    socket.once("open", opened);
    socket.once("unexpected-response", (request, response) => {
      refused(new UpgradeRefused(response.statusCode ?? 0, ""));
      request.destroy();
    });
    socket.once("error", refused);
  });
  return client;
}

/** Opens a watch as Server-Sent Events. */
export async function watchByEvents(path: string, headers: Readonly<Record<string, string>> = {}): Promise<EventWatch> {
  const { url, adminKey } = readState();
  const abort = new AbortController();
  const response = await fetch(`${url}${path.replace("/files/watch?", "/files/watch/events?")}`, {
    headers: { "x-api-key": adminKey, ...headers },
    signal: abort.signal,
  });
  if (response.status !== 200) throw new UpgradeRefused(response.status, await response.text());
  return new EventWatch(response, abort);
}

/** Inotify instances of a capsule, counted from outside. */
export function inotifyIn(capsuleId: string): number {
  return pidsInCapsule(capsuleId)
    .flatMap((pid) => descriptorsOf(pid))
    .filter((target) => target.includes("inotify")).length;
}

function descriptorsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // it has ended meanwhile
  }
}
