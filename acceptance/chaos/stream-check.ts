import { createHash } from "node:crypto";
import type { Content } from "./content.ts";

/** Bytes that are enough to find a header in, wherever they begin. */
const LOCATE_BYTES = 1024;
const REPLACEMENT = Buffer.from("\u{FFFD}", "utf8");

/** What came of a stream, compared with what it printed: says exactly how many bytes are missing, came twice, or are others. */
export class StreamCheck {
  readonly content: Content;
  readonly #hash = createHash("sha256");
  /** Where the digest's bytes end; it is a prefix's only when the check began at 0. */
  #hashed = 0;
  #begin: number | null;
  #at: number | null;
  #unplaced = Buffer.alloc(0);
  #hasReplacement = false;
  #total: number | null = null;
  lost = 0;
  doubled = 0;
  altered = 0;

  /** `at` is the offset of the first byte that is due; `null` to learn it from the bytes. */
  constructor(content: Content, at: number | null) {
    this.content = content;
    this.#begin = at;
    this.#at = at;
  }

  /** The offset of the next byte; `null` as long as nobody knows. */
  get at(): number | null {
    return this.#at;
  }

  /** Bytes that were due: up to the stream's end where that is known, else up to where the reader got. */
  get due(): number {
    return this.#begin === null ? 0 : (this.#total ?? this.#at ?? this.#begin) - this.#begin;
  }

  /** Bytes that the reader got on by. */
  get seen(): number {
    return this.#at === null || this.#begin === null ? 0 : this.#at - this.#begin;
  }

  /** Whether the stream was read from its first byte. */
  get isWhole(): boolean {
    return this.#begin === 0;
  }

  get isFaultless(): boolean {
    return this.lost === 0 && this.doubled === 0 && this.altered === 0;
  }

  /** Bytes as they came. */
  feed(bytes: Buffer): void {
    if (this.#at === null) return this.#place(bytes);
    const expected = this.content.bytes(this.#at, this.#at + bytes.length);
    if (expected.equals(bytes)) return this.#accept(expected);
    this.#resynchronize(bytes, this.#at);
  }

  /** Text as it came; a replacement character stands for a character that the process never finished. */
  feedText(text: string): void {
    let bytes = Buffer.from(text, "utf8");
    if (bytes.subarray(-REPLACEMENT.length).equals(REPLACEMENT)) {
      this.#hasReplacement = true;
      bytes = bytes.subarray(0, -REPLACEMENT.length);
    }
    if (bytes.length > 0) this.feed(bytes);
  }

  /** The server says that these bytes are not there any more. */
  skip(count: number): void {
    this.lost += count;
    if (this.#at !== null) this.#at += count;
  }

  /** Whether its first bytes, so many, end in the middle of a character. */
  isCutAt(total: number): boolean {
    return this.content.characterAt(total) < total;
  }

  /** The stream has ended after so many bytes. `wasBehind`: the reader came back behind the end, where no unfinished character is told again. */
  end(total: number, isText: boolean, wasBehind = false): void {
    if (this.#at === null) return;
    this.#total = total;
    const due = isText ? this.content.characterAt(total) : total;
    if (isText && this.#at === due && this.#hasReplacement !== due < total && (this.#hasReplacement || !wasBehind)) this.altered += 1;
    if (this.#at < due) this.lost += due - this.#at;
    if (this.#at > total) this.doubled += this.#at - total;
    if (this.#at === due) this.#accept(this.content.bytes(due, total));
  }

  /** SHA-256 of the stream's first bytes. */
  digest(total: number): string {
    if (this.#hashed === total) return this.#hash.copy().digest("hex");
    const hash = createHash("sha256");
    for (let from = 0; from < total; from += 1 << 20) hash.update(this.content.bytes(from, Math.min(total, from + (1 << 20))));
    return hash.digest("hex");
  }

  #place(bytes: Buffer): void {
    const all = Buffer.concat([this.#unplaced, bytes]);
    const at = this.content.locate(all);
    if (at === undefined) {
      if (all.length > LOCATE_BYTES) this.altered += all.length;
      this.#unplaced = all.length > LOCATE_BYTES ? Buffer.alloc(0) : all;
      return;
    }
    this.#begin = at;
    this.#at = at;
    this.#unplaced = Buffer.alloc(0);
    this.feed(all);
  }

  #accept(expected: Buffer): void {
    if (this.#at === null) return;
    if (this.#hashed === this.#at) {
      this.#hash.update(expected);
      this.#hashed += expected.length;
    }
    this.#at += expected.length;
  }

  #resynchronize(bytes: Buffer, due: number): void {
    const at = this.content.locate(bytes);
    if (at !== undefined && at !== due && this.content.bytes(at, at + bytes.length).equals(bytes)) {
      if (at > due) this.lost += at - due;
      else this.doubled += Math.min(due - at, bytes.length);
      this.#at = Math.max(due, at + bytes.length);
      return;
    }
    this.altered += bytes.length;
    this.#at = due + bytes.length;
  }
}
