import { serveArchive } from "../files/serve-archive.ts";
import { route } from "../route.ts";

export const downloadArchive = route("downloadArchive", ({ caller, params, query }, { files }, exchange) =>
  serveArchive(files, { caller, capsuleId: params.id, path: query }, exchange),
);
