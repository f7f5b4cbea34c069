import { SettingsError } from "../errors.ts";

/** What a request carries, as `fetch` takes it. */
export type SentBody = Pick<RequestInit, "body" | "redirect" | "window"> & { readonly duplex?: "half" };

/** A value as JSON. Throws a `SettingsError` for what JSON cannot say: left to itself it would say another thing, or nothing. */
export function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value, (name, one: unknown) => {
      if (typeof one === "number" && !Number.isFinite(one)) throw new SettingsError(`\`${name}\` is ${one}, and has to be a number`);
      return one;
    });
  } catch (error) {
    if (error instanceof SettingsError) throw error;
    throw new SettingsError(`This cannot be sent as JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** A body: text, bytes and streams as they are; anything else as JSON, unless `contentType` says that bytes are meant. */
export function bodyOf(body: unknown, contentType: string | undefined): SentBody {
  // Else `fetch` keeps all of a stream, to send it again where a redirect leads.
  if (body instanceof ReadableStream) return { body, duplex: "half", redirect: "error", window: null };
  if (typeof body === "string") return { body };
  if (body instanceof Uint8Array) return { body: new Uint8Array(body) };
  if (contentType !== undefined) {
    throw new SettingsError(`What is sent is text, a Uint8Array or a ReadableStream of bytes, and not ${typeName(body)}`);
  }
  return body === undefined ? {} : { body: jsonOf(body) };
}

/** Throws a `SettingsError` for headers that cannot be sent, without their values: one of them is the key. */
export function requireSendable(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== "string" || !/^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value)) {
      throw new SettingsError(`The header \`${name}\` cannot be sent: it has to be text of one line, in Latin letters`);
    }
  }
}

/** One part of a path. Throws a `SettingsError` for what would lead to another place. */
export function pathPart(name: string, value: string | undefined): string {
  if (typeof value !== "string" || value === "" || value === "." || value === "..") {
    throw new SettingsError(`\`${name}\` has to name something, and is ${JSON.stringify(value) ?? "undefined"}`);
  }
  try {
    return encodeURIComponent(value);
  } catch (error) {
    throw new SettingsError(`\`${name}\` is no text that can be sent: ${JSON.stringify(value)}`, { cause: error });
  }
}

function typeName(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const { constructor: made } = value;
  return typeof made === "function" && made.name !== "" ? `an object of ${made.name}` : "an object";
}
