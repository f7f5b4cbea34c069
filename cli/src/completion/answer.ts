import { Client } from "capsuled";
import type { Command } from "../command.ts";
import { connectionFrom } from "../servers.ts";
import { plain } from "../table.ts";
import { complete } from "./candidates.ts";
import type { Candidate, Names } from "./candidates.ts";

/** The word by which a shell asks what could stand at the cursor. */
export const COMPLETE = "__complete";

/** Milliseconds that a server has, so that nobody waits long for a key. */
const ASK_MS = 2_000;
/** Names that are told at most. */
const NAMES_MAX = 200;

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

function namesFrom(process: NodeJS.Process, server: string | undefined): Names {
  const client = (): Client =>
    new Client({ ...connectionFrom(process.env, server), requestTimeoutMs: ASK_MS, retryForMs: 0, warn: () => {} });
  return {
    async capsules() {
      try {
        const found: Candidate[] = [];
        for await (const { id, name, status } of client().capsules.list()) {
          if (found.length >= NAMES_MAX) break;
          // What a shell would have to quote is told by its id.
          found.push(
            name !== null && isPlainWord(name)
              ? { word: name, about: `${id} ${status}` }
              : { word: id, about: `${name ?? ""} ${status}`.trim() },
          );
        }
        return found;
      } catch {
        return [];
      }
    },
    async entries(capsule, directory) {
      try {
        const { files } = await client().capsules.connect(capsule);
        const found: string[] = [];
        for await (const { name, type } of files.list(directory, { requestTimeoutMs: ASK_MS })) {
          if (found.length >= NAMES_MAX) break;
          if (isPlainWord(name)) found.push(type === "directory" ? `${name}/` : name);
        }
        return found;
      } catch {
        return [];
      }
    },
  };
}

const isPlainWord = (text: string): boolean => /^[\w.,+@%-]+$/.test(text) && !text.startsWith("-");
