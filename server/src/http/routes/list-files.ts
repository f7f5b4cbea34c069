import { json } from "../answer.ts";
import { renderFileEntry } from "../render/file.ts";
import { route } from "../route.ts";

export const listFiles = route("listFiles", async ({ caller, params, body }, { files }) => {
  const { entries, nextCursor } = await files.list(caller, params.id, body);
  return json(200, { entries: entries.map(renderFileEntry), next_cursor: nextCursor });
});
