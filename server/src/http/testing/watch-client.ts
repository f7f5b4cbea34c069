import { watchMessage } from "@capsuled/contract";
import type { WatchMessage } from "@capsuled/contract";
import { WebSocket } from "ws";
import { KEYS } from "./fake-services.ts";
import type { World } from "./world.ts";

/** A watch over a WebSocket: its messages, each checked against the contract, and the code it was closed with. */
export interface SocketWatch {
  readonly socket: WebSocket;
  readonly messages: readonly WatchMessage[];
  readonly closed: Promise<number>;
  /** Resolves once there are so many messages. */
  until(count: number): Promise<void>;
}

export async function watchBySocket(
  world: World,
  path: string,
  headers: Readonly<Record<string, string>> = { "x-api-key": KEYS.member },
): Promise<SocketWatch> {
  const socket = new WebSocket(world.url.replace("http", "ws") + path, { headers });
  const messages: WatchMessage[] = [];
  let wake = (): void => {};
  socket.on("message", (data) => {
    messages.push(watchMessage.parse(JSON.parse(Buffer.isBuffer(data) ? data.toString() : "null")));
    wake();
  });
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  await new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  const until = async (count: number): Promise<void> => {
    while (messages.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { socket, messages, closed, until };
}
