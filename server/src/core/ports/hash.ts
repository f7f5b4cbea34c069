/** A one-way fingerprint; a port because core has no cryptography of its own. */
export interface Hash {
  /** SHA-256 of the text's UTF-8 bytes, 64 lowercase hex digits. */
  sha256Hex(text: string): string;
}
