import { json } from "../answer.ts";
import { renderEndpoint } from "../render/endpoint.ts";
import { route } from "../route.ts";

export const resumeEndpointSchedule = route("resumeEndpointSchedule", async ({ caller, params }, deps) =>
  json(200, await renderEndpoint(await deps.endpoints.resumeSchedule(caller, params.name), caller, deps)),
);
