import { json } from "../answer.ts";
import { renderCapsule } from "../render/capsule.ts";
import { route } from "../route.ts";

export const getCapsule = route("getCapsule", async ({ caller, params }, { capsules }) =>
  json(200, renderCapsule(await capsules.get(caller, params.id))),
);
