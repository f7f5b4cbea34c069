import { json } from "../answer.ts";
import { renderNetwork } from "../render/network.ts";
import { route } from "../route.ts";

export const getCapsuleNetwork = route("getCapsuleNetwork", async ({ caller, params, query }, { capsules }) => {
  const withDecisions = query.log === "true";
  return json(200, renderNetwork(await capsules.readNetwork(caller, params.id, withDecisions), withDecisions));
});
