import type { Command } from "../command.ts";
import { nothingCopied } from "../copy/copied.ts";
import type { Copied } from "../copy/copied.ts";
import { copyIn, copyOut } from "../copy/copy.ts";
import type { Total } from "../copy/copy.ts";
import { UsageError } from "../exit.ts";
import { placeOf } from "../place.ts";
import { progressText, withProgress } from "../progress.ts";

export const cp: Command = {
  name: "cp",
  summary: "Copy files and directories into a capsule, or out of it; links in them stay links",
  usage: "FROM TO, one of them CAPSULE:PATH",
  arguments: [2, 2],
  examples: ["capsuled cp ./project box:/workspace", "capsuled cp box:/workspace/result.json .", "capsuled cp ./project/. box:/srv"],
  async run(context, given) {
    const [from = "", to = ""] = given.arguments;
    const [source, target] = [placeOf(from), placeOf(to)];
    if ((source.capsule === null) === (target.capsule === null)) {
      throw new UsageError("one of the two is in a capsule: capsuled cp FILE CAPSULE:PATH, or capsuled cp CAPSULE:PATH FILE");
    }
    const { files } = await context.capsule(source.capsule ?? target.capsule ?? "");
    const copied = nothingCopied();
    const total: Total = { bytes: null };
    const copy = source.capsule === null ? copyIn : copyOut;
    const work = copy(files, source.path, target.path, copied, total);
    await withProgress(context, (columns) => progressText("copying", copied.bytes, total.bytes, columns), work);
    const { files: count, links, bytes, outward, special } = copied;
    context.show({ files: count, links, bytes, left_out: { special } }, () => countOf(copied));
    if (special > 0) context.note(`capsuled: left out: ${counted(special, "special file")}`);
    if (outward > 0 && target.capsule === null)
      context.note(
        `capsuled: ${counted(outward, "link")} of the copy ${outward === 1 ? "leads" : "lead"} out of it, to files of this machine`,
      );
  },
};

function countOf({ files, links }: Copied): string {
  return [counted(files, "file"), ...(links === 0 ? [] : [counted(links, "link")])].join(", ");
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
