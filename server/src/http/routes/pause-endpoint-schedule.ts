import { json } from "../answer.ts";
import { renderEndpoint } from "../render/endpoint.ts";
import { route } from "../route.ts";

export const pauseEndpointSchedule = route("pauseEndpointSchedule", async ({ caller, params }, deps) =>
  json(200, await renderEndpoint(await deps.endpoints.pauseSchedule(caller, params.name), caller, deps)),
);
