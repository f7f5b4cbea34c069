import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** Bytes of a file that says where a server is, its key or its configuration; what is larger is none. */
export const SMALL_FILE_BYTES_MAX = 1024 * 1024;

/**
 * The text of a small file. What is none (a pipe, a device, something large) throws at once, where to read it might wait for ever: these
 * files may lie where others write.
 */
export function readSmallFile(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const facts = fstatSync(file);
    if (!facts.isFile()) throw new Error(`${path} is no file`);
    if (facts.size > SMALL_FILE_BYTES_MAX) throw new Error(`${path} is larger than ${SMALL_FILE_BYTES_MAX} bytes`);
    const bytes = Buffer.alloc(facts.size);
    const read = readSync(file, bytes, 0, bytes.length, 0);
    return bytes.toString("utf8", 0, read);
  } finally {
    closeSync(file);
  }
}
