import { NO_CONTENT } from "../answer.ts";
import { route } from "../route.ts";

export const pingCapsule = route("pingCapsule", async ({ caller, params }, { capsules }) => {
  await capsules.ping(caller, params.id);
  return NO_CONTENT;
});
