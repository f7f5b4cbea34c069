import { json } from "../answer.ts";
import { renderCapsule } from "../render/capsule.ts";
import { route } from "../route.ts";

export const createCapsule = route("createCapsule", async ({ caller, body, query }, { capsules }, { intent }) => {
  const { record, isNew } = await capsules.create(caller, body, { onConflict: query.on_conflict, intent });
  return json(isNew ? 201 : 200, renderCapsule(record));
});
