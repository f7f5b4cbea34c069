import { json } from "../answer.ts";
import { renderBuild } from "../render/template-build.ts";
import { route } from "../route.ts";

export const cancelTemplateBuild = route("cancelTemplateBuild", async ({ caller, params }, { builds }) =>
  json(200, renderBuild(await builds.cancel(caller, params.id))),
);
