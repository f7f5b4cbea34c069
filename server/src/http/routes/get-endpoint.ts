import { json } from "../answer.ts";
import { renderEndpoint } from "../render/endpoint.ts";
import { route } from "../route.ts";

export const getEndpoint = route("getEndpoint", async ({ caller, params }, deps) =>
  json(200, await renderEndpoint(await deps.endpoints.get(caller, params.name), caller, deps)),
);
