import type { OperationId } from "../contract/operations.ts";
import { ConnectionError, SettingsError } from "../errors.ts";
import type { Settings } from "../settings.ts";
import { jsonOf } from "./encode.ts";
import { connectionFailure } from "./failure.ts";
import type { Request, Transport } from "./transport.ts";

/** What is used of a WebSocket: what runtimes, browsers and the package `ws` have in common. */
interface WebSocketLike {
  readonly bufferedAmount: number;
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

type WebSocketConstructor = new (url: string, protocolsOrOptions?: unknown, options?: unknown) => WebSocketLike;

export interface SocketHandlers {
  opened(): void;
  message(text: string): void;
  /** Once, whatever the cause. `wasOpen`: whether the upgrade had succeeded. */
  closed(end: { readonly code: number; readonly reason: string; readonly wasOpen: boolean }): void;
}

/** An open socket of the API. */
export interface Socket {
  send(message: object): void;
  /** Whether it can be sent to. */
  readonly isOpen: boolean;
  /** Bytes that were sent and have not left this machine. */
  readonly bufferedBytes: number;
  /** No handler is called after it. */
  close(): void;
}

/** Opens a socket; what goes wrong is told by `closed`. Throws only where this runtime has none, or no ticket can be had. */
export async function openSocket(transport: Transport, id: OperationId, request: Request, handlers: SocketHandlers): Promise<Socket> {
  const { settings } = transport;
  const { WebSocketClass, takes } = await webSocketOf(settings);
  const path = transport.pathOf(id, request);
  const headers = settings.apiKey === null ? {} : { "x-api-key": settings.apiKey };
  const url = `${settings.url.replace(/^http/, "ws")}${takes === "ticket" ? await withTicket(transport, path, request) : path}`;
  let socket: WebSocketLike;
  try {
    socket =
      takes === "options"
        ? new WebSocketClass(url, { headers })
        : takes === "third"
          ? new WebSocketClass(url, [], { headers, perMessageDeflate: false, maxPayload: 0 })
          : new WebSocketClass(url);
  } catch (error) {
    throw connectionFailure(error, settings.url);
  }
  return attach(socket, handlers);
}

function attach(socket: WebSocketLike, handlers: SocketHandlers): Socket {
  let wasOpen = false;
  let isDone = false;
  let said = "";
  socket.onopen = () => {
    wasOpen = true;
    if (!isDone) handlers.opened();
  };
  socket.onmessage = ({ data }) => {
    if (!isDone && typeof data === "string") handlers.message(data);
  };
  socket.onerror = (event) => {
    said = typeof event === "object" && event !== null && "message" in event && typeof event.message === "string" ? event.message : "";
  };
  socket.onclose = ({ code, reason }) => {
    if (isDone) return;
    isDone = true;
    handlers.closed({ code, reason: reason === "" ? said : reason, wasOpen });
  };
  return {
    get isOpen() {
      return wasOpen && !isDone;
    },
    send: (message) => socket.send(jsonOf(message)),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    close() {
      isDone = true;
      socket.close();
    },
  };
}

/** A page cannot send headers with a socket; a ticket in the URL stands for the key. */
async function withTicket(transport: Transport, path: string, { signal }: Request): Promise<string> {
  if (transport.settings.apiKey === null) return path;
  const { ticket } = await transport.json<{ readonly ticket: string }>("createTicket", { body: { path }, signal });
  return `${path}${path.includes("?") ? "&" : "?"}ticket=${ticket}`;
}

/** This runtime's WebSocket, and how it takes headers: as Node's and Bun's do, as `ws` does, or not at all. */
async function webSocketOf(
  settings: Settings,
): Promise<{ readonly WebSocketClass: WebSocketConstructor; readonly takes: "options" | "third" | "ticket" }> {
  if (isConstructor(settings.WebSocket)) return { WebSocketClass: settings.WebSocket, takes: "third" };
  const own: unknown = globalThis.WebSocket;
  const isNodeLike = typeof process !== "undefined" && process.versions?.node !== undefined && !("Deno" in globalThis);
  if (isConstructor(own)) return { WebSocketClass: own, takes: isNodeLike ? "options" : "ticket" };
  try {
    const ws: unknown = await import("ws");
    const found = typeof ws === "object" && ws !== null && "WebSocket" in ws ? ws.WebSocket : undefined;
    if (isConstructor(found)) return { WebSocketClass: found, takes: "third" };
  } catch (error) {
    throw new SettingsError("This runtime has no WebSocket: use Node 22 or newer, or install the package `ws` beside the SDK", {
      cause: error,
    });
  }
  throw new ConnectionError("the package `ws` has no WebSocket", "nothing_done");
}

function isConstructor(value: unknown): value is WebSocketConstructor {
  return typeof value === "function";
}
