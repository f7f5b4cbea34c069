import type { FileChange } from "capsuled";
import type { Command } from "../command.ts";
import { EXIT, ExitError, UsageError } from "../exit.ts";
import { interruptible } from "../interrupt.ts";
import { placeOf } from "../place.ts";
import { plain } from "../table.ts";

export const watch: Command = {
  name: "watch",
  summary: "Say what changes in a directory of a capsule, until Ctrl-C or the directory's end",
  usage: "CAPSULE:PATH [-r]",
  options: { recursive: { type: "boolean", short: "r", help: "In all directories below it, too." } },
  arguments: [1, 1],
  examples: ["capsuled watch -r box:/workspace", "capsuled watch --json cl-…:/workspace/out"],
  async run(context, given) {
    const { capsule, path } = placeOf(given.arguments[0] ?? "");
    if (capsule === null) throw new UsageError("say where to look: capsuled watch CAPSULE:PATH");
    await interruptible(context.process, async (signal) => {
      await context.waitForServer();
      const { files } = await context.capsule(capsule);
      for await (const change of files.watch(path, { recursive: given.flag("recursive"), signal })) {
        context.say(context.json ? JSON.stringify(change) : lineOf(change));
        if (change.type === "ended" && change.reason !== "removed")
          throw new ExitError(EXIT.failure, `the watch has ended: ${change.reason}`);
      }
    });
  },
};

function lineOf(change: FileChange): string {
  switch (change.type) {
    case "watching":
      return `watching ${change.directories} ${change.directories === 1 ? "directory" : "directories"}`;
    case "renamed":
      return `${change.type.padEnd(18)}  ${plain(change.from)} -> ${plain(change.path)}`;
    case "overflow":
      return "overflow: changes are missing here";
    case "paused":
    case "resumed":
      return `the capsule is ${change.type === "paused" ? "paused" : "running again"}`;
    case "ended":
      return `ended: ${change.reason}`;
    default:
      return `${change.type.padEnd(18)}  ${plain(change.path)}`;
  }
}
