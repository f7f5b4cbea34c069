import type { Principal } from "../../core/access/principal.ts";
import { fail } from "../../core/fail.ts";
import type { PathInput } from "../../core/file/path.ts";
import type { ChooseRange, FileContent } from "../../core/file/read-file.ts";
import type { FileService } from "../../core/file/service.ts";
import type { Answer } from "../answer.ts";
import { wholeBody } from "../body-stream.ts";
import type { Exchange } from "../route.ts";
import { namesTag, rangeOf } from "./byte-range.ts";
import { contentStream } from "./content-stream.ts";

/** Bytes of a file that are read before the answer begins, so that their digest stands before them. */
export const DIGESTED_BYTES_MAX = 1024 * 1024;
/** Bytes of a file that are written at once with the head of the answer. */
const AT_ONCE_BYTES_MAX = 64 * 1024;

/** A file of the caller's capsule, or the range of it that is asked for. */
export async function serveFile(
  files: FileService,
  { caller, capsuleId, path }: { readonly caller: Principal; readonly capsuleId: string; readonly path: PathInput },
  exchange: Exchange,
): Promise<Answer> {
  const content = await files.read(caller, capsuleId, path, chooser(exchange));
  try {
    return await answerWith(content, exchange);
  } catch (error) {
    content.close();
    throw error;
  }
}

/** By `Range`, and by `If-Range` where that still names the file. Whoever has the file already is told that, whichever part he asks for. */
function chooser(exchange: Exchange): ChooseRange | null {
  const wanted = exchange.header("range");
  if (wanted === undefined || rangeOf(wanted, 1) === undefined) return null;
  const condition = exchange.header("if-range");
  const known = exchange.header("if-none-match");
  return (size, version) => {
    if (known !== undefined && namesTag(known, tagOf(version))) return null;
    if (condition !== undefined && condition !== tagOf(version)) return null;
    const range = rangeOf(wanted, size);
    if (range === undefined) return null;
    if (range !== null) return range;
    exchange.addHeader("Content-Range", `bytes */${size}`);
    throw fail("range_not_satisfiable", undefined, { details: { size } });
  };
}

async function answerWith(content: FileContent, exchange: Exchange): Promise<Answer> {
  const { head, isRange } = content;
  const tag = tagOf(content.version);
  const facts: Record<string, string> = {
    etag: tag,
    "last-modified": new Date(head.modifiedAt).toUTCString(),
    "accept-ranges": "bytes",
  };
  const known = exchange.header("if-none-match");
  if (known !== undefined && namesTag(known, tag)) {
    content.close();
    return { status: 304, contentType: null, body: null, headers: facts };
  }
  if (isRange) facts["content-range"] = `bytes ${head.from}-${head.from + head.length - 1}/${head.size}`;
  const answer = { status: isRange ? 206 : 200, contentType: "application/octet-stream", body: null };
  if (head.length <= DIGESTED_BYTES_MAX) {
    const parts = await readAll(content);
    const headers = { ...facts, "content-length": String(head.length), ...digests(content) };
    if (head.length <= AT_ONCE_BYTES_MAX) return { ...answer, headers, bytes: joined(parts) };
    return { ...answer, headers, stream: wholeBody(parts) };
  }
  const withTrailers = wantsTrailers(exchange);
  const length = withTrailers ? { trailer: "Content-Digest" } : { "content-length": String(head.length) };
  return { ...answer, headers: { ...facts, ...length }, stream: contentStream(content, withTrailers, () => trailersOf(content)) };
}

/** Size, time and place of the file stand for what is in it. */
function tagOf(version: string): string {
  return `"${version}"`;
}

function digests(content: FileContent): Readonly<Record<string, string>> {
  const digest = digestOf(content);
  if (digest === null) return {};
  return content.isRange ? { "content-digest": digest } : { "content-digest": digest, "repr-digest": digest };
}

function trailersOf(content: FileContent): Readonly<Record<string, string>> | null {
  const digest = digestOf(content);
  return digest === null ? null : { "Content-Digest": digest };
}

function digestOf(content: FileContent): string | null {
  const sha256 = content.sha256();
  return sha256 === null ? null : `sha-256=:${Buffer.from(sha256, "hex").toString("base64")}:`;
}

/** Whether the client says that it takes trailers. */
export function wantsTrailers(exchange: Exchange): boolean {
  return (
    exchange
      .header("te")
      ?.split(",")
      .some((coding) => coding.trim().toLowerCase() === "trailers") === true
  );
}

async function readAll(content: FileContent): Promise<readonly Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const next = content.next();
    const bytes = next instanceof Promise ? await next : next;
    if (bytes === null) return parts;
    parts.push(bytes);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  return first !== undefined && parts.length === 1 ? first : Buffer.concat(parts);
}
