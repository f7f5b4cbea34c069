import { json } from "../answer.ts";
import { renderStats } from "../render/usage.ts";
import { route } from "../route.ts";

export const getCapsuleStats = route("getCapsuleStats", ({ caller, query }, { usage }) =>
  json(200, renderStats(query.range, usage.team(caller, query.range))),
);
