import { serveFile } from "../files/serve-file.ts";
import { route } from "../route.ts";

export const streamReadFile = route("streamReadFile", ({ caller, params, body }, { files }, exchange) =>
  serveFile(files, { caller, capsuleId: params.id, path: body }, exchange),
);
