import { IDEMPOTENCY_KEY } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import { CapsuledError, fail, invalid } from "../fail.ts";
import type { Clock, Ids } from "../ports/clock.ts";
import type { Hash } from "../ports/hash.ts";
import type { Log } from "../ports/log.ts";
import type { Sealer } from "../ports/sealer.ts";
import { settledWithin } from "../capsule/wait.ts";
import { canonicalJson } from "./canonical.ts";
import { disposalOf, parseKept, renderAnswer, renderError } from "./outcome.ts";
import type { AnswerForm, IdempotencyService, Intent, NamedRequest } from "./service.ts";
import type { IdempotencyRecord, IdempotencyStore } from "./store.ts";

/** Milliseconds that a repeat waits for the first one, and between its looks while another server has that. */
export const WAIT_MS_MAX = 30_000;
const LOOK_MS = 250;
/** Milliseconds that a server holds a request between two renewals' word of life. */
export const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
/** Characters of method, path and query that are kept in words. */
const REQUEST_CHARS_MAX = 400;

export interface IdempotencyDeps {
  readonly store: IdempotencyStore;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Ids that follow from a seed. */
  readonly seededIds: (seed: string) => Ids;
  readonly hash: Hash;
  readonly log: Log;
  /** The host and this life of its server, `<host>/<life>`: one host has one living server. */
  readonly holder: string;
}

/** What one turn at a name came to: an outcome, or word that another server has it. */
type Turn<T> = { readonly value: T; readonly isReplayed: boolean } | "elsewhere";

/** A name that this server looks at or works on. */
interface Running {
  readonly fresh: IdempotencyRecord;
  readonly turn: Promise<unknown>;
}

export function createIdempotencyService(deps: IdempotencyDeps): IdempotencyService {
  return new NamedRequests(deps);
}

class NamedRequests implements IdempotencyService {
  readonly #deps: IdempotencyDeps;
  /** One turn at a name at a time: the others of this server wait for it, and then look for themselves. */
  readonly #running = new Map<string, Running>();

  constructor(deps: IdempotencyDeps) {
    this.#deps = deps;
  }

  async run<T>(
    principal: Principal,
    named: NamedRequest,
    act: (intent: Intent) => Promise<T>,
    form: AnswerForm<T>,
  ): Promise<{ value: T; isReplayed: boolean }> {
    if (!IDEMPOTENCY_KEY.test(named.key)) throw invalid("Idempotency-Key", "must be 1 to 255 printable ASCII characters");
    const fresh = this.#freshRecord(principal, named);
    const context = sealContext(principal, named.key);
    const name = `${fresh.teamId}/${fresh.keyHash}`;
    const deadline = performance.now() + WAIT_MS_MAX;
    for (;;) {
      const ahead = this.#running.get(name);
      if (ahead !== undefined) {
        refuseOther(ahead.fresh, fresh);
        await settledWithin(ahead.turn, deadline - performance.now());
        if (performance.now() >= deadline) throw fail("idempotency_in_progress");
        continue;
      }
      const turn = this.#turn(fresh, context, act, form);
      this.#running.set(name, { fresh, turn });
      const outcome = await turn.finally(() => this.#running.delete(name));
      if (outcome !== "elsewhere") return outcome;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw fail("idempotency_in_progress");
      await new Promise<void>((resolve) => setTimeout(resolve, Math.min(LOOK_MS, leftMs)));
    }
  }

  #freshRecord(principal: Principal, { key, request, body }: NamedRequest): IdempotencyRecord {
    const { hash, sealer, ids, clock, holder } = this.#deps;
    const now = clock.now();
    return {
      teamId: principal.teamId,
      keyHash: hash.sha256Hex(`${principal.teamId}\n${key}`),
      request: request.length <= REQUEST_CHARS_MAX ? request : `${request.slice(0, REQUEST_CHARS_MAX)}… ${hash.sha256Hex(request)}`,
      bodyHash: hash.sha256Hex(canonicalJson(body)),
      sealedSeed: sealer.seal(ids.hex(32), `${sealContext(principal, key)}:seed`),
      holder,
      leaseUntil: now + LEASE_MS,
      sealedAnswer: null,
      createdAt: now,
      finishedAt: null,
    };
  }

  /** Claims the name and acts, or gives what is kept. */
  async #turn<T>(fresh: IdempotencyRecord, context: string, act: (intent: Intent) => Promise<T>, form: AnswerForm<T>): Promise<Turn<T>> {
    const { store, clock, holder, sealer } = this.#deps;
    const found = await store.claim(fresh);
    if (found === undefined)
      return { value: await this.#actAndKeep(fresh, context, () => act(this.#intent(fresh, context, "new")), form), isReplayed: false };
    refuseOther(found, fresh);
    if (found.finishedAt !== null) {
      if (found.sealedAnswer === null) return { value: await act(this.#intent(found, context, "done")), isReplayed: true };
      return { value: form.parse(parseKept(sealer.open(found.sealedAnswer, `${context}:answer`))), isReplayed: true };
    }
    const leaseUntil = clock.now() + LEASE_MS;
    if (!isAbandoned(found, holder, clock.now()) || !(await store.takeOver(found, holder, leaseUntil))) return "elsewhere";
    const taken = { ...found, holder, leaseUntil };
    return { value: await this.#actAndKeep(taken, context, () => act(this.#intent(taken, context, "continued")), form), isReplayed: false };
  }

  #intent(record: IdempotencyRecord, context: string, stage: Intent["stage"]): Intent {
    const { sealer, seededIds } = this.#deps;
    return { key: record.keyHash, ids: seededIds(sealer.open(record.sealedSeed, `${context}:seed`)), stage };
  }

  async #actAndKeep<T>(record: IdempotencyRecord, context: string, act: () => Promise<T>, form: AnswerForm<T>): Promise<T> {
    const { store, clock, holder, log, sealer } = this.#deps;
    const renewal = setInterval(() => {
      store
        .renew(record, holder, clock.now() + LEASE_MS)
        .catch((error: unknown) => log.warn({ error }, "the hold on a request with a key could not be renewed"));
    }, RENEW_MS);
    renewal.unref();
    const keep = (text: string | null): Promise<void> =>
      store.finish(record, holder, text === null ? null : sealer.seal(text, `${context}:answer`), clock.now());
    try {
      const value = await act();
      const text = form.render(value);
      // An answer that cannot be kept is still this caller's; the next repeat continues from the same intent.
      await keep(text === null ? null : renderAnswer(text)).catch((error: unknown) =>
        log.warn({ error }, "the answer to a request with a key could not be kept"),
      );
      return value;
    } catch (error) {
      await this.#dispose(record, error, keep).catch((failure: unknown) =>
        log.warn({ error: failure }, "the outcome of a request with a key could not be kept"),
      );
      throw error;
    } finally {
      clearInterval(renewal);
    }
  }

  #dispose(record: IdempotencyRecord, error: unknown, keep: (text: string | null) => Promise<void>): Promise<void> {
    const { store, holder } = this.#deps;
    switch (disposalOf(error)) {
      case "keep_error":
        return keep(error instanceof CapsuledError ? renderError(error) : null);
      case "keep_without_answer":
        return keep(null);
      case "forget":
        return store.forget(record, holder);
      case "release":
        return store.release(record, holder);
    }
  }
}

/** Binds what is sealed to team and key: without the key's own value it opens nowhere. */
function sealContext({ teamId }: Principal, key: string): string {
  return `idempotency:${teamId}:${key}`;
}

/** Nobody works on it: given up, held by an earlier life of this host's server, or by a server that gave no word for too long. */
function isAbandoned(found: IdempotencyRecord, holder: string, now: number): boolean {
  return found.leaseUntil <= now || found.holder.split("/")[0] === holder.split("/")[0];
}

function refuseOther(found: IdempotencyRecord, fresh: IdempotencyRecord): void {
  const differs = found.request !== fresh.request ? "request" : found.bodyHash !== fresh.bodyHash ? "body" : null;
  if (differs === null) return;
  const what = differs === "request" ? `another request: ${found.request}` : "the same request with another body";
  throw fail("idempotency_conflict", `This Idempotency-Key was used for ${what}.`, { details: { differs, first_request: found.request } });
}
