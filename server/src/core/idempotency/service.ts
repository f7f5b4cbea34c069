import type { Principal } from "../access/principal.ts";
import type { Ids } from "../ports/clock.ts";

/** A request that is done once, however often it comes. */
export interface Intent {
  /** The key as the agent gets it: the same for every repeat, another for every request. */
  readonly key: string;
  /** Gives the same ids and secrets, in the same order, to every repeat of the request. */
  readonly ids: Ids;
  /** `new`: nobody has begun it. `continued`: it was begun, and the server's end or a failure cut it off. `done`: only its answer is wanted again. */
  readonly stage: "new" | "continued" | "done";
}

export interface NamedRequest {
  /** What the caller sent as `Idempotency-Key`. */
  readonly key: string;
  /** Method, path and query. */
  readonly request: string;
  readonly body: unknown;
}

/** How an answer is kept: as text, or (`null`) not at all: then it is made anew for each repeat, from the stage `done`. */
export interface AnswerForm<T> {
  render(value: T): string | null;
  parse(text: string): T;
}

export interface IdempotencyService {
  /**
   * Does what was asked once for each key of a team. A repeat gets the first one's answer or error, waiting for it for at most 30 s.
   * Throws `invalid_request` for a malformed key, `idempotency_conflict`, `idempotency_in_progress`, and what `act` throws.
   */
  run<T>(
    principal: Principal,
    named: NamedRequest,
    act: (intent: Intent) => Promise<T>,
    form: AnswerForm<T>,
  ): Promise<{ readonly value: T; readonly isReplayed: boolean }>;
}
