import { closeSync, existsSync, fchmodSync, fstatSync, openSync, renameSync } from "node:fs";
import { pino } from "pino";
import type { DestinationStream } from "pino";

/** Older files beside the one that is written to. */
export const LOG_FILES_KEPT = 4;

/**
 * A file of lines that is put aside when it has grown to a size: `server.log.1` is the newest of `LOG_FILES_KEPT` older ones. It goes on
 * from what is there; only its owner may read it. Throws what opening it throws.
 */
export function createLogFile(path: string, bytesMax: number): DestinationStream {
  let size = lengthOf(path);
  let isBetween = false;
  const file = pino.destination({ dest: path, append: true, sync: false, mode: 0o600 });
  // A disk that is full loses lines, and must not end the server.
  file.on("error", () => (isBetween = false));
  // What waits to be written goes to the file under its new name, or to the next one: no line is lost.
  file.on("write", (bytes) => {
    size += bytes;
    if (size < bytesMax || isBetween) return;
    isBetween = true;
    putAside(path);
    file.reopen();
  });
  file.on("ready", () => {
    if (isBetween) size = 0;
    isBetween = false;
  });
  return file;
}

function putAside(path: string): void {
  // It is there, unless the last try to open the next one has failed.
  if (!existsSync(path)) return;
  for (let number = LOG_FILES_KEPT; number > 0; number -= 1) {
    try {
      renameSync(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`);
    } catch {
      // there are not so many yet
    }
  }
}

/** Told at once, since the stream opens the file by itself later. */
function lengthOf(path: string): number {
  const fd = openSync(path, "a", 0o600);
  try {
    fchmodSync(fd, 0o600);
    return fstatSync(fd).size;
  } finally {
    closeSync(fd);
  }
}
