import { json } from "../answer.ts";
import { renderFileEntry } from "../render/file.ts";
import { route } from "../route.ts";

export const statFile = route("statFile", async ({ caller, params, body }, { files }) =>
  json(200, { entry: renderFileEntry(await files.stat(caller, params.id, body)) }),
);
