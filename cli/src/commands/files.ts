import { ApiError } from "capsuled";
import type { Capsule } from "capsuled";
import type { Command } from "../command.ts";
import type { Context } from "../context.ts";
import { nothingCopied } from "../copy/copied.ts";
import type { Copied } from "../copy/copied.ts";
import { copyIn, copyOut, requireDirectory } from "../copy/copy.ts";
import type { Copy } from "../copy/copy.ts";
import { copyFromInput, copyToOutput } from "../copy/standard-streams.ts";
import { exitCodeOf, ExitError, UsageError } from "../exit.ts";
import { interruptible } from "../interrupt.ts";
import { placeOf } from "../place.ts";
import type { Place } from "../place.ts";
import { progressText, withProgress } from "../progress.ts";

/** Standard input, or standard output. */
const STREAM = "-";

export const cp: Command = {
  name: "cp",
  summary: "Copy files and directories into a capsule, or out of it; links in them stay links",
  usage: "FROM… TO, one side CAPSULE:PATH, - for standard input or output",
  options: { recursive: { type: "boolean", short: "r", help: "As other programs have it: directories are copied as a whole anyway." } },
  arguments: [2, 1000],
  examples: [
    "capsuled cp ./project box:/workspace",
    "capsuled cp box:/workspace/result.json .",
    "capsuled cp ./project/. box:/srv",
    "capsuled cp a.txt b.txt box:/workspace",
    "echo hello | capsuled cp - box:/workspace/hello.txt",
    "capsuled cp box:/workspace - | tar -t",
  ],
  async run(context, given) {
    const to = placeOf(given.arguments.at(-1) ?? "");
    const sources = given.arguments.slice(0, -1).map(placeOf);
    checkPlaces(sources, to, context.json);
    await interruptible(context.process, async (signal) => {
      const copy: Copy = { copied: nothingCopied(), total: { bytes: null }, signal };
      const told = (columns: number): string => progressText("copying", copy.copied.bytes, copy.total.bytes, columns);
      const failure = await withProgress(context, told, copyAll(context, sources, to, copy));
      tell(context, copy.copied, to);
      if (failure !== null) throw new ExitError(exitCodeOf(failure));
    });
  },
};

/** Refuses what cannot be meant. */
function checkPlaces(sources: readonly Place[], to: Place, isJson: boolean): void {
  if (sources.some(({ capsule }) => (capsule === null) === (to.capsule === null))) {
    throw new UsageError("one of the two is in a capsule: capsuled cp FILE CAPSULE:PATH, or capsuled cp CAPSULE:PATH FILE");
  }
  if (sources.length > 1 && (isStream(to) || sources.some(isStream)))
    throw new UsageError("- stands for one file or directory: copy the others in a command of their own");
  if (isStream(to) && isJson) throw new UsageError("standard output is the copy's own here: leave out --json, or copy to a file");
}

const isStream = ({ capsule, path }: Place): boolean => capsule === null && path === STREAM;

/** Gives what was wrong with the last of several that could not be copied; `null` where all were. */
async function copyAll(context: Context, sources: readonly Place[], to: Place, copy: Copy): Promise<unknown> {
  const capsules = new Map<string, Capsule>();
  const filesOf = async (name: string): Promise<Capsule["files"]> => {
    const found = capsules.get(name) ?? (await context.capsule(name));
    capsules.set(name, found);
    return found.files;
  };
  if (sources.length > 1) await requireDirectory(to.capsule === null ? null : await filesOf(to.capsule), to.path);
  let failure: unknown = null;
  for (const from of sources) {
    try {
      await copyOne(context, await filesOf(from.capsule ?? to.capsule ?? ""), from, to, copy);
    } catch (error) {
      // What is wrong with one of several keeps none of the others; no server, and an interrupt, do.
      if (sources.length === 1 || copy.signal.aborted || !isOfItsOwn(error)) throw error;
      context.complain(error, from.capsule ?? to.capsule);
      failure = error;
    }
  }
  return failure;
}

async function copyOne(context: Context, files: Capsule["files"], from: Place, to: Place, copy: Copy): Promise<void> {
  if (isStream(from)) await copyFromInput(context.process.stdin, files, to.path, copy);
  else if (isStream(to)) await copyToOutput(context, files, from.path, copy);
  else if (from.capsule === null) await copyIn(files, from.path, to.path, copy);
  else await copyOut(files, from.path, to.path, copy);
}

/** Whether it is this source that is wrong, and not what all of them need. */
function isOfItsOwn(error: unknown): boolean {
  if (error instanceof ApiError) return error.code !== "unauthorized" && error.code !== "unavailable";
  return error instanceof ExitError || (error instanceof Error && "syscall" in error && !("code" in error && error.code === "ENOSPC"));
}

function tell(context: Context, copied: Copied, to: Place): void {
  const { files, links, bytes, outward, special } = copied;
  if (!isStream(to)) context.show({ files, links, bytes, left_out: { special } }, () => countOf(copied));
  if (special > 0) context.note(`capsuled: left out: ${counted(special, "special file")}`);
  if (outward > 0 && to.capsule === null)
    context.note(
      `capsuled: ${counted(outward, "link")} of the copy ${outward === 1 ? "leads" : "lead"} out of it, to files of this machine`,
    );
}

function countOf({ files, links }: Copied): string {
  return [counted(files, "file"), ...(links === 0 ? [] : [counted(links, "link")])].join(", ");
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
