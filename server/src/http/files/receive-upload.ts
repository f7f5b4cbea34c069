import type { Principal } from "../../core/access/principal.ts";
import { fail, invalid } from "../../core/fail.ts";
import type { PathInput } from "../../core/file/path.ts";
import type { FileService } from "../../core/file/service.ts";
import type { ByteSource } from "../../core/file/write-file.ts";
import type { FileWriteRequest } from "../../core/ports/agent-files.ts";
import type { Answer } from "../answer.ts";
import { NO_CONTENT } from "../answer.ts";
import { essenceOf } from "../read-body.ts";
import type { Exchange, UploadBody } from "../route.ts";
import { FILE_PART, FormReader } from "./multipart.ts";
import { bytesOf, takeUpload } from "./upload-body.ts";

const FORM = "multipart/form-data";
/** Bytes that a form has beside its file at most, as far as its length is looked at beforehand. */
const FORM_OVERHEAD_BYTES = 256 * 1024;

/** Where and how a file is to be written. */
export interface UploadCall {
  readonly caller: Principal;
  readonly capsuleId: string;
  readonly query: PathInput & { readonly mode?: string | undefined; readonly exclusive?: "true" | "false" | undefined };
}

/** Takes a file as a form or as bare bytes and writes it; `bytesMax` null is no bound but the disk's. */
export async function receiveUpload(files: FileService, call: UploadCall, exchange: Exchange, bytesMax: number | null): Promise<Answer> {
  const contentType = exchange.header("content-type");
  const isForm = essenceOf(contentType) === FORM;
  if (!isForm && call.query.path === undefined && call.query.path_base64 === undefined)
    throw invalid("path", "is required: send multipart/form-data with the parts path and file, or the file's bytes with path in the query");
  await takeUpload(exchange, async (body) => {
    const length = lengthOf(exchange);
    if (bytesMax !== null && length !== undefined && length > bytesMax + (isForm ? FORM_OVERHEAD_BYTES : 0)) throw tooLarge(bytesMax);
    if (isForm) await receiveForm(files, call, new FormReader(body, contentType ?? ""), bytesMax);
    else await receiveBytes(files, call, body, length, bytesMax);
  });
  return NO_CONTENT;
}

async function receiveBytes(
  files: FileService,
  { caller, capsuleId, query }: UploadCall,
  body: UploadBody,
  length: number | undefined,
  bytesMax: number | null,
): Promise<void> {
  const wish = { ...wishOf(query), ...(length !== undefined && { size: length }) };
  await files.write(caller, capsuleId, query, wish, bounded(bytesOf(body), bytesMax));
}

async function receiveForm(
  files: FileService,
  { caller, capsuleId, query }: UploadCall,
  form: FormReader,
  bytesMax: number | null,
): Promise<void> {
  let target: PathInput = { path: query.path, path_base64: query.path_base64 };
  const note = (name: string, value: string): void => {
    if (name !== "path") return;
    const { path = value, path_base64: base64 } = target;
    if (path !== value || base64 !== undefined) throw invalid("path", "is given twice");
    target = { path };
  };
  const isKnown = (): boolean => target.path !== undefined || target.path_base64 !== undefined;
  /** The file is whole only when its form is. */
  async function* whole(bytes: ByteSource): AsyncGenerator<Uint8Array> {
    yield* bounded(bytes, bytesMax);
    for (let part = await form.next(); part !== null; part = await form.next()) {
      if (part.kind === "file") throw invalid(FILE_PART, "is there more than once");
      note(part.name, part.value);
    }
  }
  try {
    for (let part = await form.next(); part !== null; part = await form.next()) {
      if (part.kind === "field") {
        note(part.name, part.value);
        continue;
      }
      if (isKnown()) return void (await files.write(caller, capsuleId, target, wishOf(query), whole(part.bytes)));
      const held = await files.hold(caller, capsuleId, whole(part.bytes));
      try {
        return void (await files.write(caller, capsuleId, target, wishOf(query), held.bytes()));
      } finally {
        await held.release();
      }
    }
    throw invalid(isKnown() ? FILE_PART : "path", "is required");
  } finally {
    form.close();
  }
}

function wishOf({ mode, exclusive }: UploadCall["query"]): FileWriteRequest {
  return { ...(mode !== undefined && { mode: Number.parseInt(mode, 8) }), exclusive: exclusive === "true" };
}

function lengthOf(exchange: Exchange): number | undefined {
  const header = exchange.header("content-length");
  return header === undefined ? undefined : Number(header);
}

async function* bounded(source: ByteSource, bytesMax: number | null): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const bytes of source) {
    size += bytes.length;
    if (bytesMax !== null && size > bytesMax) throw tooLarge(bytesMax);
    yield bytes;
  }
}

function tooLarge(bytesMax: number): Error {
  return fail("too_large", `The file is larger than ${bytesMax} bytes; files/stream/write takes any size.`, {
    details: { bytes_max: bytesMax },
  });
}
