import { json } from "../answer.ts";
import { renderCapsule } from "../render/capsule.ts";
import { route } from "../route.ts";

export const setCapsuleNetwork = route("setCapsuleNetwork", async ({ caller, params, body }, { capsules }) =>
  json(200, renderCapsule(await capsules.setNetwork(caller, params.id, body))),
);
