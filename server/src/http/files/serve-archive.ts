import type { Principal } from "../../core/access/principal.ts";
import type { ArchiveContent } from "../../core/file/archive.ts";
import type { PathInput } from "../../core/file/path.ts";
import type { FileService } from "../../core/file/service.ts";
import type { Answer, BodyStream } from "../answer.ts";
import type { Exchange } from "../route.ts";
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
  return { status: 200, contentType: "application/x-tar", body: null, headers, stream: archiveStream(content, withTrailers) };
}

/** As the client takes it. What cannot be read to its end throws, which breaks the answer off. */
function archiveStream(content: ArchiveContent, withTrailers: boolean): BodyStream {
  return {
    cancel: () => content.close(),
    async write(sink) {
      sink.onClose(() => content.close());
      for (let bytes = await content.next(); bytes !== null; bytes = await content.next()) {
        if (!(await sink.pass(bytes))) throw new Error("the client has gone");
      }
      const end = content.end();
      // Without one the reading was ended early, by whoever closed the connection.
      if (end === null) throw new Error("the archive was not read to its end");
      if (withTrailers) sink.setTrailers({ [TRAILERS[0]]: String(end.entries), [TRAILERS[1]]: String(end.skipped) });
    },
  };
}
