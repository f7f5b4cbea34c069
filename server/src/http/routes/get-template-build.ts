import { json } from "../answer.ts";
import { renderBuild } from "../render/template-build.ts";
import { route } from "../route.ts";

export const getTemplateBuild = route("getTemplateBuild", async ({ caller, params }, { builds }) =>
  json(200, renderBuild(await builds.get(caller, params.id))),
);
