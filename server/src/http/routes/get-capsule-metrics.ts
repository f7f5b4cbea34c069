import { json } from "../answer.ts";
import { renderMetrics } from "../render/usage.ts";
import { route } from "../route.ts";

export const getCapsuleMetrics = route("getCapsuleMetrics", async ({ caller, params, query }, { usage }) =>
  json(200, renderMetrics(params.id, query.range, await usage.capsule(caller, params.id, query.range))),
);
