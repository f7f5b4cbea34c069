import { json } from "../answer.ts";
import { renderNewKey } from "../render/access.ts";
import { route } from "../route.ts";

export const createKey = route("createKey", async ({ caller, body }, { access }, { intent }) =>
  json(201, renderNewKey(await access.createKey(caller, { name: body.name, role: body.role }, intent))),
);
