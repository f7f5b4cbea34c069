import type { EndpointTransformer } from "@capsuled/contract";
import type { Principal } from "../../core/access/principal.ts";
import { CapsuledError } from "../../core/fail.ts";
import type { Answer } from "../answer.ts";
import { enterStream, streamAnswer } from "../calls/answer-run.ts";
import { beginOf, noSuchRun, placeOf, requireWithin } from "../calls/resume-place.ts";
import type { RouteDeps } from "../deps.ts";
import { route } from "../route.ts";

export const streamRun = route("streamRun", async ({ caller, params, query }, deps, exchange): Promise<Answer> => {
  const eventId = exchange.lastEventId ?? query.last_event_id;
  const place = eventId === undefined || eventId === "" ? null : placeOf(eventId);
  const stream = enterStream(deps, caller, exchange);
  try {
    const handle = await deps.runs.get(caller, params.id);
    if (place !== null && place.runId !== handle.run.id) throw noSuchRun();
    if (place !== null) requireWithin(handle, place);
    exchange.addHeader("X-Run-Id", handle.run.id);
    deps.attendance.attend(handle, "follows", exchange.clientGone(), () => deps.runs.abandon(handle.run.id));
    const transformer = await transformerOf(deps, caller, handle.run.endpointName);
    return streamAnswer(deps, exchange, handle, place ?? beginOf(handle), transformer, stream);
  } catch (error) {
    stream.leave();
    throw error;
  }
});

/** As the endpoint has it now; none where the endpoint is gone. */
async function transformerOf({ endpoints }: RouteDeps, caller: Principal, name: string): Promise<EndpointTransformer | undefined> {
  try {
    return (await endpoints.get(caller, name)).definition.transformer;
  } catch (error) {
    if (error instanceof CapsuledError && error.code === "not_found") return undefined;
    throw error;
  }
}
