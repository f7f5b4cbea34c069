import { json } from "../answer.ts";
import { renderCapsule } from "../render/capsule.ts";
import { route } from "../route.ts";

export const forkCapsule = route("forkCapsule", async ({ caller, params, body }, { templates }, { intent }) =>
  json(201, { capsules: (await templates.fork(caller, params.id, body, intent)).map(renderCapsule) }),
);
