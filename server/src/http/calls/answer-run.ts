import type { Principal } from "../../core/access/principal.ts";
import type { StoredDefinition } from "../../core/endpoint/record.ts";
import type { RunHandle } from "../../core/run/service.ts";
import type { Answer } from "../answer.ts";
import { NO_CONTENT } from "../answer.ts";
import { networkOf } from "../client-address.ts";
import type { RouteDeps } from "../deps.ts";
import { eventStreamAnswer } from "../event-stream.ts";
import type { Exchange } from "../route.ts";
import type { Place } from "./event-id.ts";
import { runStream } from "./run-stream.ts";

/** A place among the streams of runs: taken before a run is begun, so that none is begun that nobody could follow. */
export interface StreamPlace {
  readonly ended: AbortSignal;
  leave(): void;
}

/** Throws `unavailable` when there are as many streams as the server takes, of all callers or of this one. */
export function enterStream(
  { runStreams }: Pick<RouteDeps, "runStreams">,
  caller: Principal | null,
  { clientAddress }: Pick<Exchange, "clientAddress">,
): StreamPlace {
  const controller = new AbortController();
  const owner = caller === null ? { keyId: null, group: networkOf(clientAddress) } : { keyId: caller.keyId, group: caller.teamId };
  return { ended: controller.signal, leave: runStreams.enter(owner, () => controller.abort()) };
}

/** A run's events from a place on; 204 where there are none after it, so that an EventSource stops coming back. */
export function streamAnswer(
  deps: RouteDeps,
  exchange: Exchange,
  handle: RunHandle,
  from: Place,
  transformer: StoredDefinition["transformer"],
  stream: StreamPlace,
): Answer {
  if (exchange.ticket !== null) deps.tickets.bind(exchange.ticket, handle.run.id);
  if (from.passed === "end") {
    stream.leave();
    return NO_CONTENT;
  }
  return eventStreamAnswer(
    runStream(deps, { handle, place: from, transformer: transformer ?? null, ended: stream.ended, leave: () => stream.leave() }),
  );
}
