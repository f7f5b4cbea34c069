import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { LIMITS } from "@capsuled/contract";
import { fail } from "../core/fail.ts";
import { jsonFault } from "./json-position.ts";

/** The client went while it was sending; there is nobody to answer. */
export class ClientGoneError extends Error {
  override readonly name = "ClientGoneError";
}

const NO_BYTES = Buffer.alloc(0);

/** Whether the head of a request tells of a body. */
export function tellsOfBody({ headers }: Pick<IncomingMessage, "headers">): boolean {
  const length = headers["content-length"];
  return (length !== undefined && length !== "0") || headers["transfer-encoding"] !== undefined;
}

/** A body that is needed, as JSON; `undefined` when it is empty. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  if (!tellsOfBody(request)) return undefined;
  const bytes = await readBytes(request);
  if (bytes.length === 0) return undefined;
  requirePlainBody(request.headers["content-encoding"]);
  requireJsonType(request.headers["content-type"]);
  return parseJson(bytes);
}

/** A body that is a text of one of these types, or of none that it tells. */
export async function readText(request: IncomingMessage, types: readonly string[]): Promise<string> {
  const essence = essenceOf(request.headers["content-type"]);
  if (essence !== "" && !types.includes(essence)) throw fail("unsupported_media_type", `Send the body as one of ${types.join(", ")}.`);
  const bytes = await readBytes(request);
  requirePlainBody(request.headers["content-encoding"]);
  if (!isUtf8(bytes)) throw badBody("is not valid UTF-8");
  return bytes.toString("utf8");
}

/** A content type without its parameters; `""` where there is none. */
export function essenceOf(contentType: string | undefined): string {
  return contentType?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Whether it is JSON, or one of the formats made of it. */
export function isJsonType(essence: string): boolean {
  return essence === "application/json" || /^application\/[a-z0-9.+-]+\+json$/.test(essence);
}

/** A body that is looked into comes as it is: what unpacks a stranger's bytes has to bound what comes out. */
export function requirePlainBody(contentEncoding: string | undefined): void {
  if (contentEncoding === undefined || contentEncoding.trim().toLowerCase() === "identity") return;
  throw fail("unsupported_media_type", "Send the body without Content-Encoding, not compressed.");
}

/** Without a type it is taken for JSON. */
function requireJsonType(contentType: string | undefined): void {
  if (contentType === undefined || contentType === "application/json") return;
  if (!isJsonType(essenceOf(contentType))) throw fail("unsupported_media_type");
}

export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw badBody("is not valid UTF-8");
  const text = bytes.toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badBody(`is not valid JSON: ${jsonFault(text)}`);
  }
  if (text.includes("__proto__") || text.includes("\\u00")) refusePrototypeKeys(value);
  return value;
}

function refusePrototypeKeys(value: unknown): void {
  const open: unknown[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== "object" || next === null) continue;
    if (Object.hasOwn(next, "__proto__")) throw badBody("must not have a field named __proto__");
    for (const inner of Object.values(next)) if (typeof inner === "object") open.push(inner);
  }
}

function badBody(problem: string): Error {
  return fail("invalid_request", `The body ${problem}.`, { details: { field: "body", problems: [{ field: "body", message: problem }] } });
}

/** Bytes and milliseconds for which a body that is too large is read on and thrown away: a client that still sends would lose the answer. */
export const REFUSED_BODY = { bytesMax: 16 * 1024 * 1024, ms: 2000 } as const;

/** The whole body; empty where there is none. Throws `too_large` and `ClientGoneError`. */
export function readBytes(request: IncomingMessage, bytesMax: number = LIMITS.bodyBytesMax): Promise<Buffer> {
  // Nothing more is told of one that has been closed, as while its caller was looked up.
  if (request.destroyed && !request.complete) return Promise.reject(new ClientGoneError());
  if (!tellsOfBody(request)) return Promise.resolve(NO_BYTES);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let patience: NodeJS.Timeout | undefined;
    const refuse = (): void => {
      clearTimeout(patience);
      reject(tooLarge(bytesMax));
    };
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= bytesMax) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      patience ??= setTimeout(refuse, REFUSED_BODY.ms);
      if (length > bytesMax + REFUSED_BODY.bytesMax) refuse();
    });
    request.on("end", () => {
      if (length > bytesMax) refuse();
      else resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    // Emitted after `end` as well; an error is made only where the end did not come.
    request.on("close", () => {
      clearTimeout(patience);
      if (!request.complete) reject(new ClientGoneError());
    });
    request.on("error", () => {});
  });
}

function tooLarge(bytesMax: number): Error {
  return fail("too_large", `The body is larger than ${bytesMax} bytes.`, { details: { bytes_max: bytesMax } });
}
