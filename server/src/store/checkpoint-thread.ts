/** What runs in the thread of `checkpoints.ts`: one checkpoint for each message, answered by a message. */
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { parentPort } from "node:worker_threads";
import type { CheckpointOrder } from "./checkpoints.ts";
import { placeOf } from "./file-place.ts";

/** Opened for each checkpoint: whoever closes the database last finds no other connection, and a file that was moved is not made anew. */
function checkpoint({ path, places }: CheckpointOrder): void {
  const url = pathToFileURL(path);
  url.search = "?mode=rw";
  const database = new DatabaseSync(url, { timeout: 0 });
  try {
    // The first read opens the log.
    database.exec("select 1 from sqlite_schema");
    // Pages of a log that is another file would be written into the database as they are.
    if (Object.entries(places).every(([file, place]) => placeOf(file) === place)) database.exec("pragma wal_checkpoint(passive)");
  } finally {
    database.close();
  }
}

parentPort?.on("message", (order: CheckpointOrder) => {
  try {
    checkpoint(order);
  } catch {
    // What is not written back now is by the next one; the log's own bound is with the connection that writes.
  }
  parentPort?.postMessage("done");
});
