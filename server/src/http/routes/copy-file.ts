import { json } from "../answer.ts";
import { placementOf } from "../files/placement.ts";
import { renderFileEntry } from "../render/file.ts";
import { route } from "../route.ts";

export const copyFile = route("copyFile", async ({ caller, params, body }, { files }) => {
  const { entry, ...counts } = await files.copy(caller, params.id, placementOf(body), body.recursive);
  return json(200, { entry: renderFileEntry(entry), ...counts });
});
