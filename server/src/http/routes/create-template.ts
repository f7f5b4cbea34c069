import { json } from "../answer.ts";
import { renderBuild } from "../render/template-build.ts";
import { route } from "../route.ts";

export const createTemplate = route("createTemplate", async ({ caller, body }, { builds }, { intent }) =>
  json(202, renderBuild(await builds.start(caller, body, intent))),
);
