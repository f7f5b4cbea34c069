import { json } from "../answer.ts";
import { placementOf } from "../files/placement.ts";
import { renderFileEntry } from "../render/file.ts";
import { route } from "../route.ts";

export const moveFile = route("moveFile", async ({ caller, params, body }, { files }) =>
  json(200, { entry: renderFileEntry(await files.move(caller, params.id, placementOf(body))) }),
);
