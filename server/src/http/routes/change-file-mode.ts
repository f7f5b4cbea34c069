import { json } from "../answer.ts";
import { renderFileEntry } from "../render/file.ts";
import { route } from "../route.ts";

export const changeFileMode = route("changeFileMode", async ({ caller, params, body }, { files }) => {
  const { mode, uid, gid, recursive } = body;
  const change = {
    ...(mode !== undefined && { mode: Number.parseInt(mode, 8) }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  };
  const { entry, changed } = await files.changeMode(caller, params.id, body, change, recursive);
  return json(200, { entry: renderFileEntry(entry), changed });
});
