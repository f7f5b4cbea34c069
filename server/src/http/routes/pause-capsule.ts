import { json } from "../answer.ts";
import { renderCapsule } from "../render/capsule.ts";
import { route } from "../route.ts";

export const pauseCapsule = route("pauseCapsule", async ({ caller, params }, { capsules }, { intent }) =>
  json(200, renderCapsule(await capsules.pause(caller, params.id, intent))),
);
