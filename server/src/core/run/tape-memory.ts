import type { TapeChunk } from "./tape-chunk.ts";

/** The chunks of a tape that are full and still in memory, in order. Those that the file has stand in front of those that it lacks. */
export class TapeMemory {
  readonly #chunks: TapeChunk[] = [];
  #bytes = 0;
  /** How many of them the file has, too. */
  #written = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get first(): TapeChunk | undefined {
    return this.#chunks[0];
  }

  get last(): TapeChunk | undefined {
    return this.#chunks.at(-1);
  }

  get hasWritten(): boolean {
    return this.#written > 0;
  }

  get unwritten(): readonly TapeChunk[] {
    return this.#chunks.slice(this.#written);
  }

  push(chunk: TapeChunk): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.used;
  }

  /** The chunk with the byte at an offset; `undefined` where that is not in memory any more. */
  at(offset: number): TapeChunk | undefined {
    return this.#chunks.findLast((chunk) => chunk.at <= offset);
  }

  /** The file has so many more. */
  wrote(chunks: number): void {
    this.#written += chunks;
  }

  /** Drops those in front that the file has and that end before an offset. */
  dropWritten(before = Infinity): void {
    while (this.#written > 0 && (this.first?.end ?? Infinity) <= before) this.dropFirst();
  }

  dropFirst(): void {
    const first = this.#chunks.shift();
    if (first === undefined) return;
    this.#bytes -= first.used;
    this.#written = Math.max(0, this.#written - 1);
    first.drop();
  }
}
