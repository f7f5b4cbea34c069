import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, stat } from "node:fs/promises";
import { basename, join, posix } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Files } from "capsuled";
import type { Command } from "../command.ts";
import { UsageError } from "../exit.ts";
import { withProgress } from "../progress.ts";
import { webStream } from "../web-stream.ts";

/** Levels below a directory that are copied. */
const DEPTH_MAX = 100;

export const cp: Command = {
  name: "cp",
  summary: "Copy files and directories into a capsule, or out of it; links within are left out, and counted",
  usage: "FROM TO, one of them CAPSULE:PATH",
  arguments: [2, 2],
  examples: ["capsuled cp ./project cl-…:/workspace", "capsuled cp cl-…:/workspace/result.json ."],
  async run(context, given) {
    const [from = "", to = ""] = given.arguments;
    const [source, target] = [placeOf(from), placeOf(to)];
    if ((source.capsule === null) === (target.capsule === null)) {
      throw new UsageError("one of the two is in a capsule: capsuled cp FILE CAPSULE:PATH, or capsuled cp CAPSULE:PATH FILE");
    }
    const { files } = await context.capsule(source.capsule ?? target.capsule ?? "");
    const left: LeftOut = { links: 0, special: 0 };
    const work = source.capsule === null ? copyIn(files, source.path, target.path, left) : copyOut(files, source.path, target.path, left);
    const count = await withProgress(context, "copying", work);
    const { links, special } = left;
    context.show({ files: count, left_out: left }, () => counted(count, "file"));
    if (links + special > 0) context.note(`capsuled: left out: ${counted(links, "link")}, ${counted(special, "special file")}`);
  },
};

/** `cl-…:PATH` is in a capsule, anything else is here. */
export function placeOf(text: string): { readonly capsule: string | null; readonly path: string } {
  const [, capsule, path] = /^(cl-[^:/]+):(.*)$/s.exec(text) ?? [];
  return capsule === undefined || path === undefined ? { capsule: null, path: text } : { capsule, path: path === "" ? "." : path };
}

/** What is not copied: links, and what is no file with bytes. */
interface LeftOut {
  links: number;
  special: number;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

async function copyIn(files: Files, from: string, to: string, left: LeftOut): Promise<number> {
  const facts = await stat(from);
  const isInto = await isDirectory(files, to);
  const target = isInto || to.endsWith("/") ? posix.join(to, basename(from)) : to;
  if (!facts.isDirectory()) {
    await files.write(target, webStream(createReadStream(from)), { mode: (facts.mode & 0o777).toString(8).padStart(3, "0") });
    return 1;
  }
  await files.makeDirectory(target);
  let count = 0;
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.isDirectory() || entry.isFile()) count += await copyIn(files, join(from, entry.name), `${target}/${entry.name}`, left);
    else if (entry.isSymbolicLink()) left.links += 1;
    else left.special += 1;
  }
  return count;
}

async function copyOut(files: Files, from: string, to: string, left: LeftOut): Promise<number> {
  const facts = await files.stat(from);
  const isInto = await stat(to).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const target = isInto ? join(to, checkedName(facts.name)) : to;
  if (facts.type !== "directory") {
    await pipeline(Readable.fromWeb(await files.readStream(from)), createWriteStream(target, { mode: facts.mode & 0o777 }));
    return 1;
  }
  await mkdir(target, { recursive: true });
  let count = 0;
  for await (const entry of files.list(from)) {
    if (entry.type === "symlink" || entry.special !== undefined) {
      left[entry.type === "symlink" ? "links" : "special"] += 1;
      continue;
    }
    if (count > 0 && entry.path.split("/").length > DEPTH_MAX) throw new UsageError(`${entry.path} is too deep`);
    const place = join(target, checkedName(entry.name));
    if (entry.type === "directory") await mkdir(place, { recursive: true });
    count += await copyOut(files, entry.path, entry.type === "directory" ? join(place, "..") : place, left);
  }
  return count;
}

/** A name from a capsule that stays in its directory. */
function checkedName(name: string): string {
  if (name === "" || name === "." || name === ".." || /[/\\\0]/.test(name))
    throw new UsageError(`the capsule has a file with the name ${JSON.stringify(name)}, which is not copied`);
  return name;
}

async function isDirectory(files: Files, path: string): Promise<boolean> {
  return (await files.exists(path)) && (await files.stat(path)).type === "directory";
}
