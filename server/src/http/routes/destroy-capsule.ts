import { NO_CONTENT } from "../answer.ts";
import { route } from "../route.ts";

export const destroyCapsule = route("destroyCapsule", async ({ caller, params }, { capsules }) => {
  await capsules.destroy(caller, params.id);
  return NO_CONTENT;
});
