import { serveArchive } from "../files/serve-archive.ts";
import { route } from "../route.ts";

export const readArchive = route("readArchive", ({ caller, params, body }, { files }, exchange) =>
  serveArchive(files, { caller, capsuleId: params.id, path: body }, exchange),
);
