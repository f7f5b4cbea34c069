import type { EndpointStore } from "../endpoint/store.ts";
import type { Clock, Ids } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { NotificationSender } from "../ports/notification-sender.ts";
import type { NotificationSigner } from "../ports/notification-signer.ts";
import type { RunRecord } from "../run/record.ts";
import { afterAttempt, isGone } from "./attempt.ts";
import type { OutputHead } from "./body.ts";
import { notificationBody, OUTPUT_HEAD_BYTES } from "./body.ts";
import type { NotificationRecord } from "./record.ts";
import type { NotificationStore } from "./store.ts";
import { Turn } from "../../lib/turn.ts";

/** Deliveries at once: all, of one team, and of one endpoint, so that a receiver that hangs holds up nobody else's. */
export const AT_ONCE = { all: 8, team: 4, endpoint: 2 } as const;
/** Milliseconds for which an attempt is its server's; more than an attempt lasts. */
export const LEASE_MS = 60_000;
/** Marks what is sent as a notification, with its run's id, so that an endpoint knows not to answer it with another one. */
export const NOTIFICATION_HEADER = "x-capsuled-notification";
/** Rows read at a time, and times in one look. */
const PAGE = 64;
const PAGES_MAX = 16;
const RUN_GONE = "The run is not kept any more.";

export interface DeliveryDeps {
  readonly clock: Clock;
  readonly ids: Pick<Ids, "hex">;
  readonly log: Log;
  readonly store: NotificationStore;
  readonly endpoints: Pick<EndpointStore, "get">;
  readonly sender: NotificationSender;
  readonly signer: NotificationSigner;
  /** An ended run; undefined once it is removed. */
  readonly findRun: (id: string) => Promise<RunRecord | undefined>;
  /** The head of its output, at most `bytesMax`; null when none of it is kept. */
  readonly outputOf: (run: RunRecord, bytesMax: number) => Promise<OutputHead | null>;
  /** The run in the API's form, as `GET /v1/runs/{id}` has it. */
  readonly render: (run: RunRecord) => Readonly<Record<string, unknown>>;
}

/** Delivers what is due, at least once each: a server that dies while it waits for an answer leaves its claim to run out. */
export class Deliveries {
  readonly #deps: DeliveryDeps;
  readonly #underWay = new Map<string, { readonly record: NotificationRecord; readonly done: Promise<void> }>();
  readonly #closing = new AbortController();
  readonly #looking = new Turn();
  /** Whether the last look left some for want of room. */
  #more = false;

  constructor(deps: DeliveryDeps) {
    this.#deps = deps;
  }

  /** Begins deliveries that are due, as many as there is room for, and does not wait for them. */
  async tick(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    await this.#looking.join(() => this.#look());
  }

  /** Waits until no delivery is under way. */
  async settled(): Promise<void> {
    while (this.#looking.isUnderWay || this.#underWay.size > 0) {
      // A look that fails is told to whoever began it.
      await this.#looking.settled();
      await Promise.all([...this.#underWay.values()].map(({ done }) => done));
    }
  }

  /** Breaks off what is under way, without counting it as an attempt, so that another server or the next start takes it at once. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.settled();
  }

  async #look(): Promise<void> {
    this.#more = false;
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      if (this.#underWay.size >= AT_ONCE.all) {
        this.#more = true;
        return;
      }
      const without = { endpointIds: this.#full("endpointId", AT_ONCE.endpoint), teamIds: this.#full("teamId", AT_ONCE.team) };
      if (without.endpointIds.length + without.teamIds.length > 0) this.#more = true;
      const due = await this.#deps.store.listDue(this.#deps.clock.now(), PAGE, without);
      for (const record of due) if (this.#hasRoom(record)) await this.#begin(record);
      if (due.length === 0) return;
    }
  }

  async #begin(record: NotificationRecord): Promise<void> {
    const now = this.#deps.clock.now();
    const until = now + LEASE_MS;
    if (this.#closing.signal.aborted || !(await this.#deps.store.claim(record, now, until))) return;
    const done = this.#deliver(record, until)
      .catch((error: unknown) => this.#deps.log.warn({ run: record.runId, error }, "a notification's attempt failed; its claim runs out"))
      .finally(() => {
        this.#underWay.delete(record.runId);
        if (this.#more && !this.#closing.signal.aborted)
          this.tick().catch((error: unknown) =>
            this.#deps.log.warn({ error }, "a look for notifications failed; the next one tries again"),
          );
      });
    this.#underWay.set(record.runId, { record, done });
  }

  async #deliver(record: NotificationRecord, until: number): Promise<void> {
    const { store, clock, ids, sender, signer } = this.#deps;
    const run = await this.#deps.findRun(record.runId);
    if (run === undefined) {
      const { attempts, lastStatus } = record;
      await store.settle(record.runId, until, { status: "failed", attempts, nextAttemptAt: null, lastStatus, lastError: RUN_GONE });
      return;
    }
    const body = notificationBody(run, this.#deps.render(run), await this.#output(run));
    const sentAt = Math.floor(clock.now() / 1000);
    const headers = {
      "content-type": "application/json",
      "user-agent": "capsuled",
      // One id for all attempts, so that a receiver can tell a repeat.
      "webhook-id": run.id,
      [NOTIFICATION_HEADER]: run.id,
      "webhook-timestamp": String(sentAt),
      "webhook-signature": signer.sign(record.endpointId, run.id, sentAt, body),
    };
    const outcome = await sender.post(record.url, headers, body, this.#closing.signal);
    if (this.#closing.signal.aborted && outcome.kind === "unanswered") {
      const { status, attempts, nextAttemptAt, lastStatus, lastError } = record;
      await store.settle(record.runId, until, { status, attempts, nextAttemptAt, lastStatus, lastError });
      return;
    }
    const chance = Number.parseInt(ids.hex(4), 16) / 2 ** 32;
    const change = afterAttempt(record, outcome, clock.now(), chance);
    await store.settle(record.runId, until, change);
    if (change.status === "failed") this.#deps.log.info({ run: run.id, status: change.lastStatus }, "a notification was given up");
    if (isGone(outcome)) await store.stop(record.endpointId, record.url, clock.now(), "Its receiver answered 410 to another one.");
  }

  /** null for a sensitive endpoint, as it is now or was when the run began, and where that is not known any more. */
  async #output(run: RunRecord): Promise<OutputHead | null> {
    const endpoint = await this.#deps.endpoints.get(run.endpointId);
    if (endpoint === undefined || endpoint.definition.sensitive || run.args === null) return null;
    return this.#deps.outputOf(run, OUTPUT_HEAD_BYTES);
  }

  #hasRoom(record: NotificationRecord): boolean {
    return (
      this.#underWay.size < AT_ONCE.all &&
      this.#count("endpointId", record.endpointId) < AT_ONCE.endpoint &&
      this.#count("teamId", record.teamId) < AT_ONCE.team
    );
  }

  #full(key: "endpointId" | "teamId", max: number): readonly string[] {
    const all = new Set([...this.#underWay.values()].map(({ record }) => record[key]));
    return [...all].filter((id) => this.#count(key, id) >= max);
  }

  #count(key: "endpointId" | "teamId", id: string): number {
    let count = 0;
    for (const { record } of this.#underWay.values()) if (record[key] === id) count += 1;
    return count;
  }
}
