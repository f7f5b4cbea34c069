import { json } from "../answer.ts";
import { renderCapsule } from "../render/capsule.ts";
import { route } from "../route.ts";

export const startCapsule = route("startCapsule", async ({ caller, params, body }, { capsules }, { intent }) =>
  json(200, renderCapsule(await capsules.start(caller, params.id, body.wait_ms, intent))),
);
