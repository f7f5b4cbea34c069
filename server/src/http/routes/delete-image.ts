import { NO_CONTENT } from "../answer.ts";
import { route } from "../route.ts";

export const deleteImage = route("deleteImage", async ({ caller, params }, { archives }) => {
  await archives.remove(caller, params.id);
  return NO_CONTENT;
});
