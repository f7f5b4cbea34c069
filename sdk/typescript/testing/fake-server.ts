import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Server as TcpServer, Socket } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";

/** What a fake server was asked. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface FakeServer extends AsyncDisposable {
  readonly url: string;
  readonly asked: Asked[];
}

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown;
}

export interface FakeBehaviour {
  /** What to answer; `null` for nothing, ever. */
  readonly answer?: (asked: Asked, count: number) => FakeAnswer | null;
  /** What to do with a socket. */
  readonly socket?: (socket: WebSocket, url: URL, count: number) => void;
}

/** A server that answers as a test says, with the header that ours has on every answer. */
export async function fakeServer(behaviour: FakeBehaviour): Promise<FakeServer> {
  const asked: Asked[] = [];
  let sockets = 0;
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      const one = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
      asked.push(one);
      const answer = behaviour.answer?.(one, asked.length) ?? (behaviour.answer === undefined ? { status: 404 } : null);
      if (answer !== null) send(response, answer);
    });
  });
  const upgrades = new WebSocketServer({ server });
  upgrades.on("connection", (socket, request) => behaviour.socket?.(socket, new URL(request.url ?? "", "http://fake"), (sockets += 1)));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: urlOf(server),
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of upgrades.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

function send(response: ServerResponse, { status = 200, headers = {}, body = {} }: FakeAnswer): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "x-request-id": "req-fake", ...headers });
  response.end(status === 204 ? undefined : text);
}

/** The body of an error, as our server writes it. */
export function problem(code: string, details?: unknown): unknown {
  return { error: { code, message: `It is ${code}.`, request_id: "req-fake", ...(details === undefined ? {} : { details }) } };
}

/** A server of plain bytes: `talk` has each connection. */
export async function byteServer(talk: (socket: Socket, count: number) => void): Promise<{ readonly url: string } & AsyncDisposable> {
  const open = new Set<Socket>();
  let count = 0;
  const server = createTcpServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => {});
    talk(socket, (count += 1));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: urlOf(server),
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

function urlOf(server: TcpServer): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port");
  return `http://127.0.0.1:${(address satisfies AddressInfo).port}`;
}

/** Facts of a capsule that runs. */
export const RUNNING = {
  id: `cl-${"0".repeat(25)}`,
  status: "running",
  template: "minimal",
  vcpus: 1,
  memory_mb: 512,
  disk_mb: 5120,
  timeout_sec: 0,
  created_at: "2026-11-01T10:00:00.000Z",
  started_at: "2026-11-01T10:00:00.000Z",
  last_active_at: null,
  last_updated: "2026-11-01T10:00:00.000Z",
  ended_at: null,
  name: null,
  metadata: {},
  env_names: [],
  reason: null,
  message: null,
  evidence: null,
  network: { egress: "none" },
  startable: false,
} as const;
