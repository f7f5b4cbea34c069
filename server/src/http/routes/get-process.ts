import { json } from "../answer.ts";
import { renderProcessFacts } from "../render/process-facts.ts";
import { route } from "../route.ts";

export const getProcess = route("getProcess", async ({ caller, params }, { processes }) =>
  json(200, renderProcessFacts(await processes.get(caller, params.id, params.selector))),
);
