import type { ByteContent } from "../../core/file/work.ts";
import type { BodyStream } from "../answer.ts";

/**
 * A content as the client takes it. `endOf` tells what is known once all of it was read, which the answer says in trailers if it may;
 * `null` is an end too early, by whoever closed the connection. What cannot be read to its end throws, which breaks the answer off.
 */
export function contentStream(
  content: ByteContent,
  withTrailers: boolean,
  endOf: () => Readonly<Record<string, string>> | null,
): BodyStream {
  return {
    cancel: () => content.close(),
    async write(sink) {
      sink.onClose(() => content.close());
      for (let bytes = await content.next(); bytes !== null; bytes = await content.next()) {
        if (!(await sink.pass(bytes))) throw new Error("the client has gone");
      }
      const end = endOf();
      if (end === null) throw new Error("the content was not read to its end");
      if (withTrailers) sink.setTrailers(end);
    },
  };
}
