import { NO_CONTENT } from "../answer.ts";
import { route } from "../route.ts";

export const removeFile = route("removeFile", async ({ caller, params, body }, { files }) => {
  await files.remove(caller, params.id, body, body.recursive);
  return NO_CONTENT;
});
