import type { RunFileReader, RunFiles } from "../ports/run-files.ts";
import { blockOf } from "./file-block.ts";
import type { PackedMarks } from "./packed-marks.ts";
import type { PackedBlock, PackedSource, SourceReader } from "./packed-source.ts";
import type { RunRecord } from "./record.ts";
import type { StoredOutput } from "./store.ts";

export interface StoredSourceDeps {
  readonly files: RunFiles;
  /** Only this host has its files. */
  readonly hostId: string;
  readonly onFileFailure: (error: unknown) => void;
  /** Of this run, from earlier readers. */
  readonly marks: PackedMarks;
}

/** The kept output of a run that has ended, for one reader. */
export class StoredSource implements PackedSource {
  readonly run: RunRecord;
  readonly marks: PackedMarks;
  readonly isOver = true;
  readonly #deps: StoredSourceDeps;
  readonly #output: StoredOutput;
  #file: Promise<RunFileReader | undefined> | null = null;

  constructor(deps: StoredSourceDeps, run: RunRecord, output: StoredOutput) {
    this.#deps = deps;
    this.marks = deps.marks;
    this.run = run;
    this.#output = output;
  }

  get end(): number {
    switch (this.#output.kind) {
      case "none":
        return 0;
      case "inline":
        return this.#output.packed.length;
      case "file":
        return this.#output.hostId === this.#deps.hostId ? this.#output.bytes : 0;
    }
  }

  block(at: number, isLent: boolean): PackedBlock | Promise<PackedBlock | null> {
    if (this.#output.kind === "inline") return { at: 0, bytes: this.#output.packed, isSealed: true };
    return this.#fromFile(at, isLent);
  }

  async #fromFile(at: number, isLent: boolean): Promise<PackedBlock | null> {
    try {
      this.#file ??= this.#deps.files.open(this.run.id);
      const file = await this.#file;
      return file === undefined ? null : await blockOf(file, at, this.end, isLent);
    } catch (error) {
      this.#deps.onFileFailure(error);
      return null;
    }
  }

  async changed(): Promise<void> {}

  enter(_reader: SourceReader): void {}

  leave(_reader: SourceReader): void {
    const file = this.#file;
    this.#file = null;
    file?.then((opened) => opened?.close()).catch(() => {});
  }
}
