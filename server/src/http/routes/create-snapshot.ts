import { json } from "../answer.ts";
import { renderTemplate } from "../render/template.ts";
import { route } from "../route.ts";

export const createSnapshot = route("createSnapshot", async ({ caller, body, query }, { templates }, { intent }) => {
  const overwrite = body.overwrite ?? query.overwrite === "true";
  return json(201, renderTemplate(await templates.snapshot(caller, body, overwrite, intent)));
});
