import type { AgentFiles, FilePath } from "../core/ports/agent-files.ts";
import { AgentLostError } from "../core/ports/agent-link.ts";
import { Awake } from "./awake.ts";
import type { AgentConnection } from "./connection.ts";
import { openArchive, openDownload } from "./file-download.ts";
import { readChanged, readCopied, readFileEntry, readFilePage, readRemoved, readWritten, readWrittenArchive } from "./file-messages.ts";
import { openUpload } from "./file-upload.ts";
import { openWatch } from "./file-watch.ts";
import { onlyAnswer } from "./first-frame.ts";
import { encodeJson, FRAME } from "./frame.ts";
import type { ConnectionPool } from "./pool.ts";

/** Milliseconds for the answer to an operation on one file or one page. */
export const FILE_ANSWER_MS = 30_000;
/** Milliseconds for one on a whole tree. */
export const TREE_ANSWER_MS = 15 * 60_000;

/** Operations on files. Each takes a connection for good: the worker that serves it closes it, most often a moment after its end. */
export function createAgentFiles(pool: ConnectionPool): AgentFiles {
  const ask = <T>(op: string, path: object, fields: object, read: (payload: Buffer) => T, waitMs = FILE_ANSWER_MS): Promise<T> =>
    askOnce(pool, encodeJson(FRAME.file, { op, ...path, ...fields }), read, waitMs);
  const awake = new Awake();
  const leave = (connection: AgentConnection): void => pool.giveWorker(connection);
  return {
    stat: (path) => ask("stat", path, {}, readFileEntry),
    list: (path, { depth, limit, after }) =>
      ask("list", path, { depth, limit, ...(after !== null && named("after", after)) }, readFilePage),
    makeDirectory: (path, parents) => ask("mkdir", path, { parents }, readFileEntry),
    remove: (path, recursive) => ask("remove", path, { recursive }, readRemoved, TREE_ANSWER_MS),
    move: (from, to, { overwrite, parents }) =>
      ask("move", named("from", from), { ...named("to", to), overwrite, create_parents: parents }, readFileEntry, TREE_ANSWER_MS),
    copy: (from, to, { overwrite, parents, recursive }) =>
      ask("copy", named("from", from), { ...named("to", to), overwrite, create_parents: parents, recursive }, readCopied, TREE_ANSWER_MS),
    changeMode: (path, change, recursive) => ask("chmod", path, { ...change, recursive }, readChanged, TREE_ANSWER_MS),
    read: (path, from, length) =>
      asked(pool, awake, { op: "read", ...path, from, ...(length !== null && { length }) }, (connection, opening) =>
        openDownload(connection, opening, leave),
      ),
    async write(path, { mode, exclusive, size }) {
      const wish = { ...(mode !== undefined && { mode }), ...(size !== undefined && { size }), exclusive: exclusive === true };
      return openUpload(await pool.takeForGood(), encodeJson(FRAME.file, { op: "write", ...path, ...wish }), readWritten);
    },
    readArchive: async (path) => openArchive(await pool.takeForGood(), encodeJson(FRAME.file, { op: "archive_read", ...path })),
    writeArchive: async (path, owner) =>
      openUpload(await pool.takeForGood(), encodeJson(FRAME.file, { op: "archive_write", ...path, ...owner }), readWrittenArchive),
    watch: async (path, recursive) => openWatch(await pool.takeForGood(), encodeJson(FRAME.file, { op: "watch", ...path, recursive })),
  };
}

/** Asks a worker that waits, where there is one, and else, or where that one has just ended, a fresh one. For what only reads. */
async function asked<T>(
  pool: ConnectionPool,
  awake: Awake,
  question: object,
  ask: (connection: AgentConnection, opening: Buffer) => Promise<T>,
): Promise<T> {
  const opening = encodeJson(FRAME.file, question);
  const waiting = pool.takeWorker();
  if (waiting !== undefined) {
    try {
      const { reads } = waiting;
      const answer = ask(waiting, opening);
      awake.while(() => waiting.usable && waiting.reads === reads);
      return await answer;
    } catch (error) {
      if (!(error instanceof AgentLostError) || !hasHungUp(error.cause)) throw error;
    }
  }
  return ask(await pool.takeForGood(), opening);
}

/** Whether a connection was closed by its other side, by whatever word the system has for it. */
function hasHungUp(cause: unknown): boolean {
  return cause === null || cause === undefined || (cause instanceof Error && "code" in cause);
}

/** A path under another name than `path`. */
function named(name: string, path: FilePath): object {
  return "path" in path ? { [name]: path.path } : { [`${name}_base64`]: path.path_base64 };
}

/** One frame each way. */
async function askOnce<T>(pool: ConnectionPool, frame: Buffer, read: (payload: Buffer) => T, waitMs: number): Promise<T> {
  return onlyAnswer(await pool.takeForGood(), frame, waitMs, read);
}
