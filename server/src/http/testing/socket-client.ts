import type { IncomingMessage } from "node:http";
import type { ServerMessage } from "@capsuled/contract";
import { serverMessage } from "@capsuled/contract";
import { WebSocket } from "ws";
import { KEYS } from "./fake-services.ts";
import type { World } from "./world.ts";

/** A client's end of a socket, with what came so far. */
export interface SocketClient {
  readonly socket: WebSocket;
  /** Resolves with the close code; what came before it is in `messages`. */
  readonly closed: Promise<number>;
  /** Every message so far, checked against the contract. */
  readonly messages: readonly ServerMessage[];
  send(message: unknown): void;
  /** The next message not yet taken by `next`; rejects when the socket closes first. */
  next(): Promise<ServerMessage>;
}

export function connect(
  world: World,
  path: string,
  headers: Readonly<Record<string, string>> = { "x-api-key": KEYS.member },
): Promise<SocketClient> {
  const socket = new WebSocket(world.url.replace("http", "ws") + path, { headers, perMessageDeflate: false });
  const messages: ServerMessage[] = [];
  const waiting: { resolve(message: ServerMessage): void; reject(error: Error): void }[] = [];
  let taken = 0;
  const closed = new Promise<number>((resolve) => {
    socket.on("close", (code) => {
      for (const waiter of waiting.splice(0)) waiter.reject(new Error(`closed with ${code}`));
      resolve(code);
    });
  });
  socket.on("message", (data) => {
    const parsed: unknown = JSON.parse(Buffer.isBuffer(data) ? data.toString() : "null");
    messages.push(serverMessage.parse(parsed));
    const waiter = waiting.shift();
    const message = messages[taken];
    if (waiter === undefined || message === undefined) return;
    taken += 1;
    waiter.resolve(message);
  });
  const client: SocketClient = {
    socket,
    closed,
    messages,
    send: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    next: () => {
      const message = messages[taken];
      if (message !== undefined) {
        taken += 1;
        return Promise.resolve(message);
      }
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
  };
  return new Promise((resolve, reject) => {
    socket.once("open", () => resolve(client));
    socket.once("error", reject);
  });
}

/** The HTTP answer to an upgrade that is refused. */
export function refusedUpgrade(
  world: World,
  path: string,
  headers: Readonly<Record<string, string>> = { "x-api-key": KEYS.member },
): Promise<{ readonly status: number; readonly headers: IncomingMessage["headers"]; readonly body: unknown }> {
  const socket = new WebSocket(world.url.replace("http", "ws") + path, { headers });
  return new Promise((resolve, reject) => {
    socket.once("open", () => {
      socket.terminate();
      reject(new Error("the upgrade was accepted"));
    });
    socket.on("error", () => {});
    socket.once("unexpected-response", (_request, response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
  });
}
