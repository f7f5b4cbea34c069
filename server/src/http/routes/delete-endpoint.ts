import { NO_CONTENT } from "../answer.ts";
import { route } from "../route.ts";

export const deleteEndpoint = route("deleteEndpoint", async ({ caller, params }, { endpoints }) => {
  await endpoints.delete(caller, params.name);
  return NO_CONTENT;
});
