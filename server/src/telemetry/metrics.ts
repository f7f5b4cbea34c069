import { CLOSE_CODES, ERRORS, OPERATIONS } from "@capsuled/contract";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { CAPSULE_STATES } from "../core/capsule/state.ts";
import type { CapsuleState } from "../core/capsule/state.ts";
import type { Metrics } from "../core/ports/metrics.ts";

/** Seconds; from a short exec's half millisecond to a minute. */
const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** Milliseconds between looks at how late the event loop is: each wakes a server that has nothing else to do. */
const LAG_LOOK_MS = 50;

export interface MetricsSources {
  /** The host's capsules by state, asked at each scrape; what it throws leaves the last numbers standing. */
  countCapsules(): Promise<ReadonlyMap<CapsuleState, number>>;
  /** How many of the server's loops stand still. */
  loopsStanding(): number;
}

function knownOperation(operation: string): string {
  return operation in OPERATIONS ? operation : "unknown";
}

const CLOSE_NAMES = new Map<number, string>(Object.entries(CLOSE_CODES).map(([name, code]) => [code, name]));

/** Counters, gauges and histograms in a registry of their own. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_LOOK_MS });
  const requests = new Counter({
    name: "capsuled_http_requests_total",
    help: "Answered requests.",
    labelNames: ["operation", "status", "code", "category"],
    registers,
  });
  const durations = new Histogram({
    name: "capsuled_http_request_duration_seconds",
    help: "From the request's arrival to the end of its answer.",
    labelNames: ["operation"],
    buckets: DURATION_BUCKETS,
    registers,
  });
  const sockets = new Gauge({ name: "capsuled_sockets_open", help: "Open WebSockets.", labelNames: ["operation"], registers });
  const closes = new Counter({
    name: "capsuled_sockets_closed_total",
    help: "Closed WebSockets, by why.",
    labelNames: ["operation", "close"],
    registers,
  });
  const execs = new Counter({
    name: "capsuled_execs_total",
    help: "Commands started through the API, by outcome.",
    labelNames: ["mode", "outcome"],
    registers,
  });
  const agentErrors = new Counter({
    name: "capsuled_agent_errors_total",
    help: "Operations that failed at a capsule's agent.",
    labelNames: ["code"],
    registers,
  });
  const capsules = new Gauge({
    name: "capsuled_capsules",
    help: "Capsules of this host, by state.",
    labelNames: ["state"],
    registers,
    async collect() {
      const counts = await sources.countCapsules().catch(() => undefined);
      if (counts === undefined) return;
      for (const state of CAPSULE_STATES) this.set({ state }, counts.get(state) ?? 0);
    },
  });
  new Gauge({
    name: "capsuled_loops_standing",
    help: "Loops of the server whose tick has been under way for more than ten minutes.",
    registers,
    collect() {
      this.set(sources.loopsStanding());
    },
  });
  for (const state of CAPSULE_STATES) capsules.set({ state }, 0);

  return {
    answered(operation, status, code, seconds) {
      const known = knownOperation(operation);
      requests.inc({ operation: known, status, code: code ?? "none", category: code === null ? "none" : ERRORS[code].category });
      durations.observe({ operation: known }, seconds);
    },
    socketOpened: (operation) => sockets.inc({ operation: knownOperation(operation) }),
    socketClosed(operation, closeCode) {
      const known = knownOperation(operation);
      sockets.dec({ operation: known });
      closes.inc({ operation: known, close: CLOSE_NAMES.get(closeCode) ?? "other" });
    },
    execEnded: (mode, outcome) => execs.inc({ mode, outcome }),
    agentFailed: (code) => agentErrors.inc({ code }),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
