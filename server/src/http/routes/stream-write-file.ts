import { receiveUpload } from "../files/receive-upload.ts";
import { route } from "../route.ts";

export const streamWriteFile = route("streamWriteFile", ({ caller, params, query }, { files }, exchange) =>
  receiveUpload(files, { caller, capsuleId: params.id, query }, exchange, null),
);
