import { serveFile } from "../files/serve-file.ts";
import { route } from "../route.ts";

export const downloadFile = route("downloadFile", ({ caller, params, query }, { files }, exchange) =>
  serveFile(files, { caller, capsuleId: params.id, path: query }, exchange),
);
