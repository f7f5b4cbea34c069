import { NO_CONTENT } from "../answer.ts";
import { route } from "../route.ts";

export const deleteSnapshot = route("deleteSnapshot", async ({ caller, params }, { templates }) => {
  await templates.remove(caller, params.name);
  return NO_CONTENT;
});
