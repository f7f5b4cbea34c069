import { json } from "../answer.ts";
import { renderCapsule } from "../render/capsule.ts";
import { route } from "../route.ts";

export const stopCapsule = route("stopCapsule", async ({ caller, params }, { capsules }, { intent }) =>
  json(200, renderCapsule(await capsules.stop(caller, params.id, intent))),
);
