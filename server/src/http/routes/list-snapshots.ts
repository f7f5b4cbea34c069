import { json } from "../answer.ts";
import { renderTemplate } from "../render/template.ts";
import { route } from "../route.ts";

export const listSnapshots = route("listSnapshots", async ({ caller, query }, { templates }) =>
  json(200, (await templates.list(caller, query.type ?? null)).map(renderTemplate)),
);
