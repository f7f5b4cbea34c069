import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import type { PortLimits } from "../ports/limits.ts";
import { IDS, KEYS } from "./fake-services.ts";
import type { World } from "./world.ts";
import { createWorld } from "./world.ts";

/** A world with a program on port 3000 of its running capsule: whatever a test makes of a bare connection. */
export interface PortWorld extends AsyncDisposable {
  readonly world: World;
  /** The program's connections so far. */
  readonly connections: readonly Socket[];
  /** Resolves with the program's next connection. */
  connection(): Promise<Socket>;
  /** Sends bytes to the server as they are; gives all that comes until it closes the connection. */
  raw(bytes: string): Promise<string>;
  /** The same, with the connection in hand. */
  dial(): Promise<Socket>;
}

/** The host name of port 3000. */
export const PORT_HOST = `3000-${IDS.running}.localhost`;

/** The head of a request to port 3000 by its host name, with a key, closed after its answer. */
export function requestHead(line = "GET / HTTP/1.1", headers: readonly string[] = []): string {
  return [line, `Host: ${PORT_HOST}`, `X-API-Key: ${KEYS.member}`, "Connection: close", ...headers, "", ""].join("\r\n");
}

/** All that a connection gives. */
export function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("end", () => socket.end());
    // A reset ends it too.
    socket.on("error", () => {});
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
    socket.resume();
  });
}

/** Resolves with what came once `isEnough` says so, and leaves the connection open. */
export function readUntil(socket: Socket, isEnough: (text: string) => boolean): Promise<string> {
  let text = "";
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (!isEnough(text)) return;
      socket.off("data", onData);
      socket.pause();
      resolve(text);
    };
    socket.on("data", onData);
    socket.once("close", () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
    socket.resume();
  });
}

/** `program` gets each connection; without it a connection is the test's. */
export async function createPortWorld(program?: (socket: Socket) => void, ports: Partial<PortLimits> = {}): Promise<PortWorld> {
  const world = await createWorld({ ports });
  const connections: Socket[] = [];
  const waiting: ((socket: Socket) => void)[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    connections.push(socket);
    waiting.shift()?.(socket);
    program?.(socket);
  });
  world.services.listening.set(3000, await listen(server));
  const dial = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port: Number(new URL(world.url).port), host: "127.0.0.1", allowHalfOpen: true }, () => resolve(socket));
      socket.once("error", reject);
    });
  return {
    world,
    connections,
    connection: () => new Promise((resolve) => waiting.push(resolve)),
    dial,
    async raw(bytes) {
      const socket = await dial();
      const all = readAll(socket);
      socket.write(bytes, "latin1");
      return all;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of connections) socket.destroy();
      server.close();
      await world[Symbol.asyncDispose]();
    },
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo; // a TCP server's address is one
      resolve(port);
    }),
  );
}

/** A program that answers each connection's first request head with these bytes and ends. */
export function answering(bytes: string, end = true): (socket: Socket) => void {
  return (socket) => {
    socket.once("data", () => {
      socket.write(bytes, "latin1");
      if (end) socket.end();
    });
  };
}
