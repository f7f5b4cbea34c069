import type { RunPosition } from "./output.ts";

/** Packed bytes between two marks. */
const MARK_BYTES = 1024 * 1024;

interface Mark extends RunPosition {
  /** Offset of a record; before it lie the streams up to these positions. */
  readonly at: number;
}

/** Where in a run's packed output its readers find a position, so that none that begins far behind reads all that is before it. */
export class PackedMarks {
  readonly #marks: Mark[] = [{ at: 0, stdout: 0, stderr: 0 }];

  /** A reader has come to the record at `at`. */
  pass(at: number, stdout: number, stderr: number): void {
    const last = this.#marks.at(-1);
    if (last === undefined || at >= last.at + MARK_BYTES) this.#marks.push({ at, stdout, stderr });
  }

  /** The last mark before anything of what comes after a position. */
  before({ stdout, stderr }: RunPosition): Mark {
    return this.#marks.findLast((mark) => mark.stdout <= stdout && mark.stderr <= stderr) ?? { at: 0, stdout: 0, stderr: 0 };
  }
}
