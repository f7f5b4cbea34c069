import type { ErrorCode } from "@capsuled/contract";
import type { AccessService } from "../core/access/service.ts";
import type { CapsuleService } from "../core/capsule/service.ts";
import type { EventService } from "../core/event/service.ts";
import type { IdempotencyService } from "../core/idempotency/service.ts";
import type { Ids } from "../core/ports/clock.ts";
import type { Log } from "../core/ports/log.ts";
import type { ProcessService } from "../core/process/service.ts";
import type { OpenStreams, StreamLimits } from "./body-stream.ts";
import type { Documents } from "./documents.ts";
import type { SocketLimits } from "./sockets/limits.ts";

/** What `GET /healthz` tells; `unavailable` answers 503. */
export interface Health {
  readonly status: "ok" | "degraded" | "unavailable";
  readonly checks: Readonly<Record<string, "ok" | "failing">>;
}

export interface HttpMetrics {
  /** One answered request; `operation` is an operation's id, or `unknown`. `code` is null for a success. */
  answered(operation: string, status: number, code: ErrorCode | null, seconds: number): void;
  socketOpened(operation: string): void;
  socketClosed(operation: string, closeCode: number): void;
  /** Everything the server measures, in Prometheus' text format. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** What the routes work on. */
export interface HttpServices {
  readonly capsules: CapsuleService;
  readonly processes: ProcessService;
  readonly access: AccessService;
  readonly events: EventService;
  readonly idempotency: IdempotencyService;
  readonly metrics: HttpMetrics;
  health(): Promise<Health>;
}

export interface HttpConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The server's own version, e.g. `0.1.0`. */
  readonly version: string;
  /** Origins, e.g. `https://app.example`, that browsers may call from. */
  readonly corsOrigins: readonly string[];
  /** Answer `/metrics` to every peer, not just this machine's own. */
  readonly metricsPublic: boolean;
  /** Log every answered request and dropped fields at debug. */
  readonly logRequests: boolean;
}

export interface HttpDeps extends HttpServices {
  readonly config: HttpConfig;
  readonly ids: Ids;
  readonly log: Log;
}

/** What routes get: the server's parts, and what the HTTP layer itself makes of the contract and its settings. */
export interface RouteDeps extends HttpDeps {
  readonly documents: Documents;
  readonly socketLimits: SocketLimits;
  readonly streams: OpenStreams;
  readonly streamLimits: StreamLimits;
}
