import { InvalidRequestError } from "capsuled";
import type { Files } from "capsuled";
import type { Context } from "../context.ts";
import { EXIT, ExitError } from "../exit.ts";
import { webStream } from "../web-stream.ts";
import type { Copy } from "./copy.ts";
import { add, atPath, isDirectory, measure, sourceOf } from "./copy.ts";

/** Copies standard input into a capsule as it comes: as a file's bytes, or into a directory as a tar archive. */
export async function copyFromInput(stdin: AsyncIterable<unknown>, files: Files, to: string, { copied, signal }: Copy): Promise<void> {
  const source = webStream(stdin, (bytes) => (copied.bytes += bytes));
  if (to.endsWith("/") || (await isDirectory(files, to))) {
    if (!(await isDirectory(files, to))) await atPath(to, files.makeDirectory(to, { signal }));
    const { entries, bytes } = await unpacked(files.writeArchive(to, source, { uid: 0, gid: 0, signal }), to);
    copied.files += entries;
    copied.bytes = bytes;
    return;
  }
  await atPath(to, files.write(to, source, { signal }));
  copied.files += 1;
}

async function unpacked(
  work: ReturnType<Files["writeArchive"]>,
  to: string,
): Promise<{ readonly entries: number; readonly bytes: number }> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    const hint = `${to} is a directory, which takes a tar archive from standard input; for a file, name it`;
    throw new ExitError(EXIT.failure, `${hint}. The server says: ${error.message}`);
  }
}

/** Copies a file's bytes to standard output at its reader's pace; a directory as a tar archive. */
export async function copyToOutput(context: Context, files: Files, from: string, copy: Copy): Promise<void> {
  const { copied, total, signal } = copy;
  const facts = await sourceOf(files, from);
  const isFile = facts.type === "file";
  if (!isFile && context.isTerminal)
    throw new ExitError(
      EXIT.usage,
      `${from} is a directory, and comes as a tar archive: send that to a file or a program, not to a terminal`,
    );
  if (isFile) add(total, facts.size);
  else await measure(files, facts.path, copy);
  const source = await (isFile ? files.readStream(facts.path, { signal }) : files.readArchive(facts.path, { signal }));
  for await (const piece of source) {
    await context.write("stdout", piece);
    copied.bytes += piece.length;
  }
  copied.files += 1;
}
