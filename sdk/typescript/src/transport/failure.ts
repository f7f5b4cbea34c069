import { ConnectionError } from "../errors.ts";
import { property } from "./answer.ts";

/** Codes of failures that come before the request is sent. */
const NOT_SENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EACCES",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "ConnectionRefused",
]);

/** What a failed `fetch` means: runtimes say it in their own ways. */
export function connectionFailure(error: unknown, url: string): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const code = codeIn(error);
  const said = messageIn(error);
  // The web platform's `fetch` refuses some ports by itself.
  const isUnsent = (code !== undefined && NOT_SENT.has(code)) || said === "bad port";
  if (isUnsent) {
    const why =
      code === "ECONNREFUSED" || code === "ConnectionRefused"
        ? "the connection was refused"
        : code === undefined
          ? said
          : `${said} (${code})`;
    return new ConnectionError(
      `No server answers at ${url}: ${why}. Is it running? \`capsuled start\` starts one (in a clone: \`npm start\`); CAPSULED_URL says where it is.`,
      "nothing_done",
      { cause: error },
    );
  }
  return new ConnectionError(`The connection to ${url} broke before the whole answer had come: ${said}`, "unknown", { cause: error });
}

function codeIn(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at !== undefined && depth < 4; at = property(at, "cause") ?? firstOf(at), depth += 1) {
    const code = typeof at === "object" && at !== null && "code" in at ? at.code : undefined;
    if (typeof code === "string") return code;
  }
  return undefined;
}

/** Where several addresses were tried, each has failed in its own way. */
function firstOf(error: unknown): unknown {
  const errors = property(error, "errors");
  return Array.isArray(errors) ? errors[0] : undefined;
}

function messageIn(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && cause.message !== "") return cause.message;
  return error instanceof Error ? error.message : String(error);
}
