import { json } from "../answer.ts";
import { bytesOf, takeUpload } from "../files/upload-body.ts";
import { route } from "../route.ts";

export const writeArchive = route("writeArchive", async ({ caller, params, query }, { files }, exchange) => {
  const { uid, gid } = query;
  const owner = { ...(uid !== undefined && { uid: Number(uid) }), ...(gid !== undefined && { gid: Number(gid) }) };
  return json(200, await takeUpload(exchange, (body) => files.writeArchive(caller, params.id, query, owner, bytesOf(body))));
});
