import { NO_CONTENT } from "../answer.ts";
import { route } from "../route.ts";

export const revokeKey = route("revokeKey", async ({ caller, params }, { access }) => {
  await access.revokeKey(caller, params.key_id);
  return NO_CONTENT;
});
