import { codeOf } from "../lib/error-code.ts";

/** Why an address did not answer. */
export interface Failure {
  /** In words for users, a clause: of the host that they named, and of nothing behind it. `undefined` where there are none. */
  readonly words: string | undefined;
  readonly code: string | undefined;
  /** The error's own words, cut. */
  readonly message: string | undefined;
}

const UNTRUSTED = "its certificate is of no authority that this server trusts (NODE_EXTRA_CA_CERTS names a file of more)";
const NO_TLS = "it speaks no TLS";

const WORDS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "the connection was refused"],
  ["ECONNRESET", "the connection was broken off"],
  ["EPIPE", "the connection was broken off"],
  ["ENOTFOUND", "its host has no address"],
  ["ENODATA", "its host has no address"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is for another name"],
  ["CERT_HAS_EXPIRED", "its certificate has expired"],
  ["CERT_NOT_YET_VALID", "its certificate is not valid yet"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", UNTRUSTED],
  ["SELF_SIGNED_CERT_IN_CHAIN", UNTRUSTED],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", UNTRUSTED],
  ["UNABLE_TO_GET_ISSUER_CERT", UNTRUSTED],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", UNTRUSTED],
  ["ERR_SSL_WRONG_VERSION_NUMBER", NO_TLS],
  ["ERR_SSL_PACKET_LENGTH_TOO_LONG", NO_TLS],
  ["EPROTO", NO_TLS],
]);

/** Of several errors (an address each) the first. */
export function failureOf(error: unknown): Failure {
  if (error instanceof AggregateError && error.errors.length > 0) return failureOf(error.errors[0]);
  const code = codeOf(error);
  return {
    words: code === undefined ? undefined : WORDS.get(code),
    code,
    message: error instanceof Error ? error.message.slice(0, 200) : undefined,
  };
}
