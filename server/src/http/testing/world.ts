import type { ErrorCode } from "@capsuled/contract";
import { createEventService } from "../../core/event/create-event-service.ts";
import { EventSignal } from "../../core/event/event-signal.ts";
import { createIdempotencyService } from "../../core/idempotency/create-idempotency-service.ts";
import { systemClock } from "../../lib/node/clock.ts";
import { nodeHash } from "../../lib/node/hash.ts";
import { createSeededIds } from "../../lib/node/seeded-ids.ts";
import { createSealer } from "../../store/sealer.ts";
import { MemoryEventStore } from "../../testing/memory-event-store.ts";
import { MemoryIdempotencyStore } from "../../testing/memory-idempotency-store.ts";
import type { StreamLimits } from "../body-stream.ts";
import { STREAM_LIMITS } from "../body-stream.ts";
import { createIds } from "../../lib/node/ids.ts";
import type { ConnectionLimits, HttpServer } from "../app.ts";
import { CONNECTION_LIMITS, createHttpServer } from "../app.ts";
import { PORT_LIMITS } from "../ports/limits.ts";
import type { PortLimits } from "../ports/limits.ts";
import type { Health, HttpConfig } from "../deps.ts";
import type { SocketLimits } from "../sockets/limits.ts";
import { SOCKET_LIMITS } from "../sockets/limits.ts";
import type { FakeEndpoints } from "./fake-endpoints.ts";
import { createFakeEndpoints } from "./fake-endpoints.ts";
import type { FakeRuns } from "./fake-runs.ts";
import type { FakeServices } from "./fake-services.ts";
import { createFakeServices, KEYS } from "./fake-services.ts";

/** What the log of a world holds, one entry a line. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A server on a free port of loopback over fake services. */
export interface World extends AsyncDisposable {
  readonly server: HttpServer;
  readonly url: string;
  readonly services: FakeServices;
  readonly endpointStore: FakeEndpoints["endpointStore"];
  readonly endpoints: FakeEndpoints["endpoints"];
  readonly runs: FakeRuns;
  /** What the server takes for the time; the machine's own unless a test sets it. */
  readonly clock: { now(): number };
  readonly eventStore: MemoryEventStore;
  readonly signal: EventSignal;
  readonly idempotencyStore: MemoryIdempotencyStore;
  readonly log: readonly LogLine[];
  health: Health;
  /** Resolves when the next answer with this error's code has been written. */
  answered(code: ErrorCode): Promise<void>;
  /** Resolves with the code of the next socket that the server sees closed. */
  socketClosed(): Promise<number>;
  /** A request with the member's key unless another one, or `null`, is given. */
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
}

export interface CallOptions {
  readonly key?: string | null;
  readonly json?: unknown;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function createWorld(
  settings: {
    readonly config?: Partial<HttpConfig>;
    readonly limits?: Partial<SocketLimits>;
    readonly streams?: Partial<StreamLimits>;
    readonly connections?: Partial<ConnectionLimits>;
    readonly ports?: Partial<PortLimits>;
  } = {},
): Promise<World> {
  const services = createFakeServices();
  const log: LogLine[] = [];
  const write = (level: LogLine["level"]) => (fields: LogLine["fields"], message: string) => void log.push({ level, fields, message });
  const config: HttpConfig = {
    host: "127.0.0.1",
    port: 0,
    version: "0.1.0",
    corsOrigins: [],
    portDomains: ["localhost"],
    metricsPublic: false,
    logRequests: false,
    callRate: 0,
    publicCallRate: 0,
    outputBytesMax: 16 * 1024 * 1024,
    ...settings.config,
  };
  const awaited: { readonly code: ErrorCode; readonly resolve: () => void }[] = [];
  const answered = (_operation: string, _status: number, code: ErrorCode | null): void => {
    for (const waiter of awaited) if (waiter.code === code) waiter.resolve();
  };
  const closings: ((code: number) => void)[] = [];
  const socketClosed = (_operation: string, code: number): void => {
    for (const resolve of closings.splice(0)) resolve(code);
  };
  const health: Health = { status: "ok", checks: { database: "ok" } };
  const eventStore = new MemoryEventStore();
  const signal = new EventSignal();
  const idempotencyStore = new MemoryIdempotencyStore();
  const clock = { now: () => systemClock.now() };
  const { endpointStore, endpoints, runs, parts } = createFakeEndpoints(clock);
  const world = {
    services,
    clock,
    endpointStore,
    endpoints,
    runs,
    eventStore,
    signal,
    idempotencyStore,
    socketClosed: () => new Promise<number>((resolve) => closings.push(resolve)),
    answered: (code: ErrorCode) => new Promise<void>((resolve) => awaited.push({ code, resolve })),
    log,
    health,
  };
  const server = createHttpServer(
    {
      ...services,
      ...parts,
      endpoints,
      runs,
      clock,
      events: createEventService({ store: eventStore, signal }),
      idempotency: createIdempotencyService({
        store: idempotencyStore,
        sealer: createSealer(new Uint8Array(32)),
        clock: systemClock,
        ids: createIds(),
        seededIds: createSeededIds,
        hash: nodeHash,
        log: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
        holder: "host/life",
      }),
      config,
      ids: createIds(),
      log: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
      metrics: {
        answered,
        socketOpened() {},
        socketClosed,
        render: async () => ({ contentType: "text/plain; version=0.0.4", text: "up 1\n" }),
      },
      health: async () => world.health,
    },
    { ...SOCKET_LIMITS, ...settings.limits },
    { ...STREAM_LIMITS, ...settings.streams },
    { ...CONNECTION_LIMITS, ...settings.connections },
    { ...PORT_LIMITS, ...settings.ports },
  );
  await server.listen();
  const { url } = server;
  return Object.assign(world, {
    server,
    url,
    call: (method: string, path: string, options: CallOptions = {}) => fetch(url + path, requestOf(method, options)),
    [Symbol.asyncDispose]: () => server.close(0),
  });
}

function requestOf(method: string, { key = KEYS.member, json, body, headers }: CallOptions): RequestInit {
  const sent = json === undefined ? body : JSON.stringify(json);
  return {
    method,
    redirect: "manual",
    headers: {
      ...(key === null ? {} : { "x-api-key": key }),
      ...(sent === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(sent === undefined ? {} : { body: sent }),
  };
}
