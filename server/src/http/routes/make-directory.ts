import { json } from "../answer.ts";
import { renderFileEntry } from "../render/file.ts";
import { route } from "../route.ts";

export const makeDirectory = route("makeDirectory", async ({ caller, params, body }, { files }) =>
  json(200, { entry: renderFileEntry(await files.makeDirectory(caller, params.id, body)) }),
);
