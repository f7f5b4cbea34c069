import { json } from "../answer.ts";
import { renderKey } from "../render/access.ts";
import { route } from "../route.ts";

export const listKeys = route("listKeys", async ({ caller }, { access }) => json(200, (await access.listKeys(caller)).map(renderKey)));
