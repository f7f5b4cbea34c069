import { NO_CONTENT } from "../answer.ts";
import { route } from "../route.ts";

export const killProcess = route("killProcess", async ({ caller, params, query }, { processes }, { intent }) => {
  await processes.kill(caller, params.id, params.selector, query.signal, intent);
  return NO_CONTENT;
});
