import type { Principal } from "../../core/access/principal.ts";
import type { ArchiveContent } from "../../core/file/archive.ts";
import type { PathInput } from "../../core/file/path.ts";
import type { FileService } from "../../core/file/service.ts";
import type { Answer } from "../answer.ts";
import type { Exchange } from "../route.ts";
import { contentStream } from "./content-stream.ts";
import { wantsTrailers } from "./serve-file.ts";

/** Headers behind the archive, for clients that take such. */
const TRAILERS = ["X-Archive-Entries", "X-Archive-Skipped"] as const;

/** A directory or file of the caller's capsule as a tar stream. */
export async function serveArchive(
  files: FileService,
  { caller, capsuleId, path }: { readonly caller: Principal; readonly capsuleId: string; readonly path: PathInput },
  exchange: Exchange,
): Promise<Answer> {
  const withTrailers = wantsTrailers(exchange);
  const content = await files.readArchive(caller, capsuleId, path);
  const headers: Record<string, string> = withTrailers ? { trailer: TRAILERS.join(", ") } : {};
  const stream = contentStream(content, withTrailers, () => trailersOf(content));
  return { status: 200, contentType: "application/x-tar", body: null, headers, stream };
}

function trailersOf(content: ArchiveContent): Readonly<Record<string, string>> | null {
  const end = content.end();
  return end === null ? null : { [TRAILERS[0]]: String(end.entries), [TRAILERS[1]]: String(end.skipped) };
}
