import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { KEYS } from "./fake-services.ts";
import type { World } from "./world.ts";

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** One bare connection, for what an HTTP client would not do: requests without waiting, bytes that are no HTTP, leaving half-way. */
export class Pipeline implements AsyncDisposable {
  readonly socket: Socket;
  #received = "";

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      this.#received += chunk;
    });
    socket.on("error", () => {});
  }

  static async open(world: World): Promise<Pipeline> {
    const { hostname, port } = new URL(world.url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    return new Pipeline(socket);
  }

  request(method: string, path: string, body?: string): void {
    const length =
      body === undefined || method === "GET" ? "" : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
    this.socket.write(`${method} ${path} HTTP/1.1\r\nHost: test\r\nX-API-Key: ${KEYS.member}\r\n${length}\r\n${length === "" ? "" : body}`);
  }

  /** The first answers, once there are that many; all there are when the connection closes first. */
  async answers(count: number): Promise<readonly RawAnswer[]> {
    for (;;) {
      const answers = parse(this.#received);
      if (answers.length >= count || this.socket.closed) return answers;
      await Promise.race([once(this.socket, "data"), once(this.socket, "close")]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return;
    const closed = once(this.socket, "close");
    this.socket.destroy();
    await closed;
  }
}

function parse(received: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = received; ;) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return answers;
    const head = rest.slice(0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (rest.length < end + 4 + length) return answers;
    answers.push({ status: Number(head.split(" ")[1]), head, body: rest.slice(end + 4, end + 4 + length) });
    rest = rest.slice(end + 4 + length);
  }
}
