import { json } from "../answer.ts";
import { renderUsage } from "../render/usage.ts";
import { route } from "../route.ts";

export const getUsage = route("getUsage", async ({ caller, query }, { usage }) => json(200, renderUsage(await usage.days(caller, query))));
