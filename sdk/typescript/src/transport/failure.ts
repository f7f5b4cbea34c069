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
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ConnectionRefused",
]);

/** What a failed `fetch` means: runtimes say it in their own ways. */
export function connectionFailure(error: unknown, url: string): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const code = codeIn(error);
  const said = messageIn(error);
  // The web platform's `fetch` refuses some ports by itself.
  const isUnsent = (code !== undefined && NOT_SENT.has(code)) || said === "bad port";
  if (isUnsent) return new ConnectionError(`No server answers at ${url}: ${unsent(code, said, url)}`, "nothing_done", { cause: error });
  return new ConnectionError(`The connection to ${url} broke before the whole answer had come: ${said}`, "unknown", { cause: error });
}

/** Why nothing was sent, and what to do about that. */
function unsent(code: string | undefined, said: string, url: string): string {
  switch (code) {
    case "ECONNREFUSED":
    case "ConnectionRefused":
      return `the connection was refused. ${isNear(url) ? "Is it running? `capsuled start` starts one (in a clone: `npm start`)" : "Is it running there, on that port, and does it listen beyond its own machine (CAPSULED_HOST)?"}; CAPSULED_URL says where it is.`;
    case "ENOTFOUND":
      return "there is no host of that name. Check CAPSULED_URL for a slip.";
    case "EAI_AGAIN":
      return "the name service does not answer. Is this machine connected? Another try may do, or the server's address in place of its name in CAPSULED_URL.";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "UND_ERR_CONNECT_TIMEOUT":
      return `the host cannot be reached (${code}). Is it up, is this machine connected, and does no firewall lie between? CAPSULED_URL says where it is.`;
    case "CERT_HAS_EXPIRED":
      return "its certificate has expired. Renew it on the server.";
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "its certificate is for other names. Use one of those in CAPSULED_URL, or give the server a certificate for this one.";
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return `its certificate is signed by nobody whom this machine trusts (${code}). Let NODE_EXTRA_CA_CERTS name the file with the certificate of who signed it.`;
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return "it does not speak TLS. CAPSULED_URL begins with http:// where nothing in front of the server encrypts.";
    default:
      return `${code === undefined ? said : `${said} (${code})`}. CAPSULED_URL says where it is.`;
  }
}

function isNear(url: string): boolean {
  return /^https?:\/\/(127\.|localhost[:/]?|\[::1\])/.test(url);
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
