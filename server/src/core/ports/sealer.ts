/** Authenticated encryption of what the database must not hold in the clear (AES-256-GCM with a key kept beside the database, not in it). */
export interface Sealer {
  /** `context` is bound into the result, so that a sealed text cannot be moved to another row. */
  seal(text: string, context: string): string;
  /** Throws when it was altered, or sealed under another key or context. */
  open(sealed: string, context: string): string;
}
