import type { FileHandle } from "node:fs/promises";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { RUN_ID } from "@capsuled/contract";
import type { RunFileReader, RunFiles, RunFileWriter } from "../core/ports/run-files.ts";
import { isMissing, namesIn } from "../lib/node/missing.ts";

const UNFINISHED = ".new";

/** Files under `<dataDir>/runs`, readable by their owner only; a file has its name once it is whole. */
export function createRunFiles(dataDir: string): RunFiles {
  const directory = join(dataDir, "runs");
  const pathOf = (runId: string): string => {
    if (!RUN_ID.test(runId)) throw new Error(`${JSON.stringify(runId)} is no run's id`);
    return join(directory, runId);
  };
  return {
    async create(runId) {
      const path = pathOf(runId);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await rm(path + UNFINISHED, { force: true });
      return new Writer(await open(path + UNFINISHED, "wx+", 0o600), path);
    },
    async open(runId) {
      try {
        const file = await open(pathOf(runId), "r");
        return { read: (at, into) => readAt(file, at, into), close: () => file.close() } satisfies RunFileReader;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    },
    async remove(runId) {
      await rm(pathOf(runId), { force: true });
    },
    async list() {
      return (await namesIn(directory)).filter((name) => RUN_ID.test(name));
    },
    async removeUnfinished() {
      for (const name of await namesIn(directory)) if (name.endsWith(UNFINISHED)) await rm(join(directory, name), { force: true });
    },
  };
}

class Writer implements RunFileWriter {
  readonly #file: FileHandle;
  readonly #path: string;
  #size = 0;
  #isOpen = true;
  #failure: Error | null = null;

  constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    try {
      let left = parts.filter((part) => part.length > 0);
      while (left.length > 0) {
        const { bytesWritten } = await this.#file.writev([...left], this.#size);
        if (bytesWritten === 0) throw new Error("nothing could be written");
        this.#size += bytesWritten;
        left = withoutHead(left, bytesWritten);
      }
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }

  read(at: number, into: Uint8Array): Promise<Uint8Array> {
    return readAt(this.#file, at, into.subarray(0, Math.max(0, this.#size - at)));
  }

  async finish(): Promise<void> {
    await rename(this.#path + UNFINISHED, this.#path);
  }

  async discard(): Promise<void> {
    await rm(this.#path + UNFINISHED, { force: true }).catch(() => {});
    await this.close();
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close().catch(() => {});
  }
}

/** The parts without their first `count` bytes. */
function withoutHead(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const left: Uint8Array[] = [];
  let skip = count;
  for (const part of parts) {
    if (skip >= part.length) skip -= part.length;
    else {
      left.push(part.subarray(skip));
      skip = 0;
    }
  }
  return left;
}

async function readAt(file: FileHandle, at: number, into: Uint8Array): Promise<Uint8Array> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, at + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return into.subarray(0, done);
}
