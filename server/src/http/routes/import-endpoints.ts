import { json } from "../answer.ts";
import { route } from "../route.ts";

export const importEndpoints = route("importEndpoints", async ({ caller, query, body }, { endpoints }) => {
  const { applied, changes, warnings } = await endpoints.import(caller, body, { dryRun: query.dry_run, prune: query.prune });
  return json(200, { applied, changes, warnings });
});
