import { json } from "../answer.ts";
import { renderCapsule } from "../render/capsule.ts";
import { route } from "../route.ts";

export const resumeCapsule = route("resumeCapsule", async ({ caller, params, body }, { capsules }, { intent }) =>
  json(200, renderCapsule(await capsules.resume(caller, params.id, body.wait_ms, intent))),
);
