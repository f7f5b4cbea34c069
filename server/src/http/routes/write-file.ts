import { LIMITS } from "@capsuled/contract";
import { receiveUpload } from "../files/receive-upload.ts";
import { route } from "../route.ts";

export const writeFile = route("writeFile", ({ caller, params, query }, { files }, exchange) =>
  receiveUpload(files, { caller, capsuleId: params.id, query }, exchange, LIMITS.fileWriteBytesMax),
);
