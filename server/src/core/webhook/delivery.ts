/** A webhook's request, as it came. */
export interface Delivery {
  /** A header's value by its name in lower case; `undefined` where it is missing or there are several. */
  header(name: string): string | undefined;
  /** The raw bytes: what is signed. */
  readonly body: Uint8Array;
}
