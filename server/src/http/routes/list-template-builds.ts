import { json } from "../answer.ts";
import { renderBuild } from "../render/template-build.ts";
import { route } from "../route.ts";

export const listTemplateBuilds = route("listTemplateBuilds", async ({ caller, query }, { builds }) =>
  json(200, (await builds.list(caller, query.limit)).map(renderBuild)),
);
