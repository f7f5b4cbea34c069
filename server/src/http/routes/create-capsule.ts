import { json } from "../answer.ts";
import { renderCapsule } from "../render/capsule.ts";
import { route } from "../route.ts";

export const createCapsule = route("createCapsule", async ({ caller, body }, { capsules }) =>
  json(201, renderCapsule(await capsules.create(caller, body))),
);
