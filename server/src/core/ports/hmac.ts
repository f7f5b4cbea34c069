/** Keyed fingerprints; a port because core has no cryptography of its own. */
export interface Hmac {
  /** HMAC-SHA256 (32 bytes) of the parts, one after the other. */
  sha256(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array;
}
