import { isUtf8 } from "node:buffer";
import { LIMITS } from "@capsuled/contract";
import { fail, invalid } from "../../core/fail.ts";
import { isPercentText } from "../percent-text.ts";
import { essenceOf, isJsonType, parseJson, requirePlainBody } from "../read-body.ts";
import type { Exchange } from "../route.ts";
import { hasMore } from "./field-count.ts";
import { repeatedName } from "./repeated-name.ts";

/** Fields of a body that are looked at: far more than an endpoint has arguments. */
export const FIELDS_MAX = 1000;

/** What a caller gives by name, unchecked. */
export type Given = Readonly<Record<string, unknown>>;

/** The query's arguments, each given once. */
export function argumentsOfQuery(query: URLSearchParams): Given {
  return once([...query]);
}

/** The arguments of query and body together: a flat JSON object, or a form's fields. */
export async function givenArguments(exchange: Exchange): Promise<Given> {
  const query = argumentsOfQuery(exchange.query());
  const bytes = await exchange.readBytes(LIMITS.bodyBytesMax);
  if (bytes.length === 0) return query;
  requirePlainBody(exchange.header("content-encoding"));
  const body = await argumentsOfBody(exchange.header("content-type"), bytes);
  const both = Object.keys(body).find((name) => Object.hasOwn(query, name));
  if (both !== undefined) throw invalid(both, "is given in the query and in the body");
  return { ...query, ...body };
}

async function argumentsOfBody(contentType: string | undefined, bytes: Buffer): Promise<Given> {
  const essence = essenceOf(contentType);
  if (essence === "" || isJsonType(essence)) {
    if (hasMore(bytes, "json", FIELDS_MAX)) throw tooMany();
    return flatObject(parseJson(bytes), bytes);
  }
  if (essence === "application/x-www-form-urlencoded") {
    if (hasMore(bytes, "form", FIELDS_MAX)) throw tooMany();
    if (!isUtf8(bytes)) throw notText();
    // Beside a percent sign that begins nothing, letters beyond ASCII would be read as other ones.
    const form = bytes.toString("utf8").replaceAll(/[^\0-\x7f]+/g, encodeURIComponent);
    if (!isPercentText(form)) throw notText();
    return once([...new URLSearchParams(form)]);
  }
  if (essence === "multipart/form-data") {
    if (hasMore(bytes, "multipart", FIELDS_MAX)) throw tooMany();
    if (!isUtf8(bytes)) throw notText();
    return once(await fieldsOf(contentType ?? "", bytes));
  }
  throw fail("unsupported_media_type", "Send arguments as application/json, as a form or in the query.");
}

function tooMany(): Error {
  return invalid("body", `has more than ${FIELDS_MAX} fields`);
}

/** Bytes that are no text would become the same sign, whatever they were. */
function notText(): Error {
  return invalid("body", "is not valid UTF-8; bytes go to an endpoint with stdin: body");
}

function flatObject(value: unknown, bytes: Buffer): Given {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("body", "must be a JSON object of arguments by name");
  const repeated = repeatedName(bytes.toString("utf8"));
  if (repeated !== undefined) throw invalid(repeated, "is given twice");
  return Object.fromEntries(Object.entries(value));
}

async function fieldsOf(contentType: string, bytes: Buffer): Promise<readonly (readonly [string, string])[]> {
  const form = await new Response(Uint8Array.from(bytes), { headers: { "content-type": contentType } }).formData().catch(() => {
    throw invalid("body", "is not a form as its type says");
  });
  return [...form].map(([name, value]) => {
    if (typeof value !== "string") throw invalid(name, "is a file; send its text as a field, or the body to an endpoint with stdin: body");
    return [name, value] as const;
  });
}

function once(fields: readonly (readonly [string, string])[]): Given {
  const seen = new Set<string>();
  for (const [name] of fields) {
    if (seen.has(name)) throw invalid(name, "is given twice");
    seen.add(name);
  }
  return Object.fromEntries(fields);
}
