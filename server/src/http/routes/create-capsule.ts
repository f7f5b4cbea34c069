import { json } from "../answer.ts";
import { renderCapsule } from "../render/capsule.ts";
import { route } from "../route.ts";

export const createCapsule = route("createCapsule", async ({ caller, body }, { capsules }) => {
  const { record, isNew } = await capsules.create(caller, body);
  return json(isNew ? 201 : 200, renderCapsule(record));
});
