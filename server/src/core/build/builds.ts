import type { Principal } from "../access/principal.ts";
import { discardLater } from "../template/discard.ts";
import { BuildError, toBuildError } from "./build-error.ts";
import type { BuildContext } from "./context.ts";
import type { BuildDeps } from "./deps.ts";
import { BUILDS_AT_ONCE } from "./limits.ts";
import { BuildLog } from "./log.ts";
import type { Recipe } from "./plan.ts";
import type { BuildEnd, BuildRecord, NumberedEntry } from "./record.ts";
import { runBuild } from "./run-build.ts";

interface Held {
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** The builds of this server: some under way, the others waiting for their turn. */
export class Builds {
  readonly #deps: BuildDeps;
  readonly #held = new Map<string, Held>();
  readonly #turns: ((isMine: boolean) => void)[] = [];
  #running = 0;
  #isClosing = false;

  constructor(deps: BuildDeps) {
    this.#deps = deps;
  }

  has(id: string): boolean {
    return this.#held.has(id);
  }

  /** Resolves when the build has its end; never rejects. */
  begin(record: BuildRecord, principal: Principal, recipe: Recipe): Promise<void> {
    const abort = new AbortController();
    if (this.#isClosing) abort.abort(serverStops());
    const done = this.#inTurn(record, principal, recipe, abort).finally(() => this.#held.delete(record.id));
    this.#held.set(record.id, { abort, done });
    return done;
  }

  /** Ends it early; resolves when it has its end. Nothing for a build that this server does not have. */
  async cancel(id: string): Promise<void> {
    const held = this.#held.get(id);
    held?.abort.abort(new BuildError("cancelled", "The build was cancelled."));
    await held?.done;
  }

  /** Resolves when nothing of it is under way here; at once for a build that this server does not have. */
  async settled(id: string): Promise<void> {
    await this.#held.get(id)?.done;
  }

  /** Ends every build, since this server ends. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const { abort } of this.#held.values()) abort.abort(serverStops());
    await Promise.all([...this.#held.values()].map(({ done }) => done));
  }

  async #inTurn(record: BuildRecord, principal: Principal, recipe: Recipe, abort: AbortController): Promise<void> {
    const { builds, buildSignal, log: serverLog } = this.#deps;
    const log = new BuildLog(builds, buildSignal, serverLog, record.id);
    const { signal } = abort;
    const error = await this.#run({ deps: this.#deps, principal, record, recipe, log, signal }, abort).then(
      () => null,
      (thrown: unknown) => toBuildError(signal.aborted ? signal.reason : thrown),
    );
    if (error !== null && error.reason === "internal_error")
      serverLog.error({ buildId: record.id, error }, "a build failed on the server's side");
    await concludeBuild(this.#deps, record, error, await log.close());
  }

  async #run(ctx: BuildContext, abort: AbortController): Promise<void> {
    await this.#enter(ctx.signal);
    const seconds = ctx.recipe.timeout_sec;
    const timer = setTimeout(() => abort.abort(new BuildError("timed_out", `The build was not done after ${seconds} s.`)), seconds * 1000);
    try {
      ctx.signal.throwIfAborted();
      await runBuild(ctx);
    } finally {
      clearTimeout(timer);
      this.#leave();
    }
  }

  /** Waits for a turn; every one that was had is given on by `#leave`. Throws the signal's reason. */
  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running < BUILDS_AT_ONCE) {
      this.#running += 1;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#turns.push(resolve);
    const giveUp = (): void => {
      const at = this.#turns.indexOf(resolve);
      if (at >= 0) this.#turns.splice(at, 1);
      resolve(false);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    const isMine = await promise;
    signal.removeEventListener("abort", giveUp);
    if (!isMine) throw signal.reason;
  }

  #leave(): void {
    const next = this.#turns.shift();
    if (next === undefined) this.#running -= 1;
    else next(true);
  }
}

function serverStops(): BuildError {
  return new BuildError(
    "server_lost",
    "The server was stopped while the template was being built; what its steps left is kept for the next build.",
  );
}

/** Gives a build its end, after what its log has left to say. What it made half of a template is removed; upkeep does what fails here. */
export async function concludeBuild(
  deps: BuildDeps,
  record: BuildRecord,
  error: BuildError | null,
  rest: readonly NumberedEntry[] = [],
): Promise<void> {
  const end: BuildEnd = {
    state: error === null ? "ready" : error.reason === "cancelled" ? "cancelled" : "failed",
    reason: error?.reason ?? null,
    message: error?.message ?? null,
    failure: error?.failure ?? null,
    endedAt: deps.clock.now(),
  };
  if (error !== null) await discardLater(deps, record.templateId);
  try {
    await deps.builds.conclude(record.id, end, rest);
    deps.buildSignal.signal(record.id);
  } catch (failure) {
    deps.log.error({ buildId: record.id, error: failure }, "a build's end could not be stored; upkeep gives it one");
  }
}
