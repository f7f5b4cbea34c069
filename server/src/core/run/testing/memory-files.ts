import type { RunFiles, RunFileWriter } from "../../ports/run-files.ts";

/** Files of runs in memory, with a disk that may be full. */
export class MemoryRunFiles implements RunFiles {
  readonly files = new Map<string, Uint8Array>();
  /** Bytes that the disk takes in all. */
  room = Infinity;
  /** Each write waits for it. */
  beforeWrite: () => Promise<void> = async () => {};
  unfinished = 0;
  opened = 0;
  /** Reads of finished files, and of those that are written. */
  reads = 0;
  readsBack = 0;

  async create(runId: string): Promise<RunFileWriter> {
    let content = new Uint8Array(0);
    let isClosed = false;
    this.unfinished += 1;
    const write = async (parts: readonly Uint8Array[]): Promise<void> => {
      await this.beforeWrite();
      const size = parts.reduce((sum, part) => sum + part.length, 0);
      if (size > this.room) throw new Error("the disk is full");
      this.room -= size;
      content = new Uint8Array(Buffer.concat([content, ...parts]));
    };
    return {
      write,
      read: async (at, into) => {
        await new Promise((resolve) => setImmediate(resolve));
        if (isClosed) throw new Error("the file is closed");
        this.readsBack += 1;
        return copied(content, at, into);
      },
      finish: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        this.unfinished -= 1;
        this.files.set(runId, content);
      },
      close: async () => {
        isClosed = true;
      },
      discard: async () => {
        this.unfinished -= 1;
      },
    };
  }

  async open(runId: string) {
    const content = this.files.get(runId);
    if (content === undefined) return undefined;
    this.opened += 1;
    return {
      read: async (at: number, into: Uint8Array) => {
        this.reads += 1;
        return copied(content, at, into);
      },
      close: async () => {
        this.opened -= 1;
      },
    };
  }

  async remove(runId: string): Promise<void> {
    this.files.delete(runId);
  }

  async list(): Promise<readonly string[]> {
    return [...this.files.keys()];
  }

  async removeUnfinished(): Promise<void> {}
}

function copied(content: Uint8Array, at: number, into: Uint8Array): Uint8Array {
  const bytes = content.subarray(at, at + into.length);
  into.set(bytes);
  return into.subarray(0, bytes.length);
}
