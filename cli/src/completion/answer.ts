import type { Command } from "../command.ts";
import { plain } from "../table.ts";
import { complete } from "./candidates.ts";
import { NAMES_MAX, namesFrom } from "./names.ts";

/** The word by which a shell asks what could stand at the cursor. */
export const COMPLETE = "__complete";

/**
 * Answers a shell: the first line is `files` where a file of this machine could stand there, else `words`; behind it a candidate a line,
 * and after a tab what is to be said of it. Says nothing of errors: a person is typing.
 */
export async function answerShell(process: NodeJS.Process, commands: readonly Command[], argv: readonly string[]): Promise<void> {
  const words = argv[0] === "--" ? argv.slice(1) : argv;
  const { candidates, withFiles } = await complete(commands, words, namesFrom(process, serverIn(words)));
  const lines = candidates.slice(0, NAMES_MAX).map(({ word, about }) => (about === "" ? word : `${word}\t${plain(about)}`));
  process.stdout.write([withFiles ? "files" : "words", ...lines, ""].join("\n"));
}

function serverIn(words: readonly string[]): string | undefined {
  const at = words.indexOf("--server");
  return at === -1 ? undefined : words[at + 1];
}
