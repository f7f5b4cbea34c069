import type { ErrorCode } from "@capsuled/contract";
import type { AccessService } from "../core/access/service.ts";
import type { TeamDirectory } from "../core/access/team-directory.ts";
import type { Tickets } from "../core/access/tickets.ts";
import type { CapsuleService } from "../core/capsule/service.ts";
import type { EndpointService } from "../core/endpoint/service.ts";
import type { TransformRunner } from "../core/endpoint/transform.ts";
import type { EventService } from "../core/event/service.ts";
import type { FileService } from "../core/file/service.ts";
import type { IdempotencyService } from "../core/idempotency/service.ts";
import type { NotificationStore } from "../core/notification/store.ts";
import type { Clock, Ids } from "../core/ports/clock.ts";
import type { Hmac } from "../core/ports/hmac.ts";
import type { NotificationSigner } from "../core/ports/notification-signer.ts";
import type { PortService } from "../core/port/service.ts";
import type { Log } from "../core/ports/log.ts";
import type { ProcessService } from "../core/process/service.ts";
import type { RunService } from "../core/run/service.ts";
import type { UsageService } from "../core/metrics/service.ts";
import type { BuildService } from "../core/build/service.ts";
import type { ArchiveService } from "../core/template/image/archives.ts";
import type { TemplateService } from "../core/template/service.ts";
import type { StreamLimits } from "./body-stream.ts";
import type { Attendance } from "./calls/attendance.ts";
import type { CallRates } from "./calls/rate.ts";
import type { TransformedRuns } from "./calls/transformed.ts";
import type { Documents } from "./documents.ts";
import type { OpenStreams } from "./open-streams.ts";
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
  readonly templates: TemplateService;
  readonly builds: BuildService;
  readonly archives: ArchiveService;
  readonly usage: UsageService;
  readonly processes: ProcessService;
  readonly files: FileService;
  readonly ports: PortService;
  readonly access: AccessService;
  readonly events: EventService;
  readonly idempotency: IdempotencyService;
  readonly endpoints: EndpointService;
  readonly runs: RunService;
  readonly transforms: Pick<TransformRunner, "transform">;
  readonly notifications: Pick<NotificationStore, "find">;
  readonly teams: TeamDirectory;
  readonly signer: Pick<NotificationSigner, "secretOf">;
  readonly hmac: Hmac;
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
  /** Domains below which ports of capsules have host names; `*` is any. */
  readonly portDomains: readonly string[];
  /** Answer `/metrics` to every peer, not just this machine's own. */
  readonly metricsPublic: boolean;
  /** Log every answered request and dropped fields at debug. */
  readonly logRequests: boolean;
  /** Calls per minute of one key, and of one address without a key; 0 is no limit. */
  readonly callRate: number;
  readonly publicCallRate: number;
  /** Bytes of a run's output in one buffered answer. */
  readonly outputBytesMax: number;
}

export interface HttpDeps extends HttpServices {
  readonly config: HttpConfig;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly log: Log;
}

/** What routes get: the server's parts, and what the HTTP layer itself makes of the contract and its settings. */
export interface RouteDeps extends HttpDeps {
  readonly documents: Documents;
  readonly socketLimits: SocketLimits;
  readonly streams: OpenStreams;
  /** Streams of runs; they have a bound of their own. */
  readonly runStreams: OpenStreams;
  readonly tickets: Tickets;
  readonly rates: CallRates;
  readonly attendance: Attendance;
  readonly transformed: TransformedRuns;
  /** Whether a request of that method and path may come with a ticket. */
  takesTicket(method: string, path: string): boolean;
  readonly streamLimits: StreamLimits;
}
