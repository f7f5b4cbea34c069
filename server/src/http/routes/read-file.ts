import { serveFile } from "../files/serve-file.ts";
import { route } from "../route.ts";

export const readFile = route("readFile", ({ caller, params, body }, { files }, exchange) =>
  serveFile(files, { caller, capsuleId: params.id, path: body }, exchange),
);
