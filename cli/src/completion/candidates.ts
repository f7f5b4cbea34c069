import type { Command } from "../command.ts";
import { COMMON_OPTIONS } from "../command.ts";
import { findCommand, splitLeading } from "../parse.ts";

/** One word that could stand at the cursor. */
export interface Candidate {
  readonly word: string;
  /** Empty where the word says it all. */
  readonly about: string;
}

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Whether a file of this machine could stand there, too. */
  readonly withFiles: boolean;
}

/** What a server is asked for. Each gives nothing where it cannot be had. */
export interface Names {
  capsules(): Promise<readonly Candidate[]>;
  /** What is in a directory of a capsule, directories with a slash at the end. */
  entries(capsule: string, directory: string): Promise<readonly string[]>;
}

const NOTHING: Completion = { candidates: [], withFiles: false };
const FILES: Completion = { candidates: [], withFiles: true };

/** Completes a command line; `words` are those behind the program's name, the last is the one at the cursor and may be empty. */
export async function complete(commands: readonly Command[], words: readonly string[], names: Names): Promise<Completion> {
  const current = words.at(-1) ?? "";
  const { argv: before } = splitLeading(words.slice(0, -1));
  const found = await candidatesOf(commands, before, current, names);
  return { ...found, candidates: found.candidates.filter(({ word }) => word.startsWith(current)) };
}

async function candidatesOf(commands: readonly Command[], before: readonly string[], current: string, names: Names): Promise<Completion> {
  const found = findCommand(commands, before);
  const next = namesOf(commands, before);
  // `runs` is a command, and the beginning of others.
  if (found === null || (next.length > 0 && !current.startsWith("-"))) return { candidates: next, withFiles: false };
  const { command, argv: given } = found;
  // What runs in a capsule is not known here; what it is given may be a name of a file.
  if (given.includes("--")) return FILES;
  const options = { ...command.options, ...COMMON_OPTIONS };
  if (current.startsWith("-") && current !== "-") {
    return { candidates: Object.entries(options).map(([name, { help }]) => ({ word: `--${name}`, about: help })), withFiles: false };
  }
  const valued = valuedBy(options, given.at(-1) ?? "");
  if (valued !== null) return valued === "FILE" ? FILES : valued === "CAPSULE" ? ofCapsules(names) : NOTHING;
  return ofArgument(command, countOf(options, given), current, names);
}

/** The next word of commands' names. */
function namesOf(commands: readonly Command[], before: readonly string[]): readonly Candidate[] {
  const found = new Map<string, string>();
  for (const { name, summary } of commands) {
    const parts = name.split(" ");
    if (before.some((word, at) => parts[at] !== word) || parts.length <= before.length) continue;
    const word = parts[before.length] ?? "";
    const isWhole = parts.length === before.length + 1;
    if (isWhole || !found.has(word)) found.set(word, isWhole ? summary : `${parts.slice(0, before.length + 1).join(" ")} …`);
  }
  return [...found].map(([word, about]) => ({ word, about }));
}

/** What the value of the option before the cursor is; `null` where that is no option with one. */
function valuedBy(options: NonNullable<Command["options"]>, word: string): string | null {
  if (!word.startsWith("-") || word.includes("=")) return null;
  const found = Object.entries(options).find(([name, { short }]) => word === `--${name}` || (short !== undefined && word === `-${short}`));
  return found?.[1].type === "string" ? (found[1].value ?? "") : null;
}

/** How many arguments stand before the cursor that are neither options nor their values. */
function countOf(options: NonNullable<Command["options"]>, given: readonly string[]): number {
  return given.filter((word, at) => (!word.startsWith("-") || word === "-") && valuedBy(options, given[at - 1] ?? "") === null).length;
}

async function ofArgument(command: Command, index: number, current: string, names: Names): Promise<Completion> {
  if (index >= command.arguments[1]) return NOTHING;
  if (command.usage.includes("CAPSULE:PATH")) return ofPlace(current, command.name === "cp", names);
  const words = command.usage.split(" ");
  const word = words[Math.min(index, words.length - 1)] ?? "";
  if (/^CAPSULE(?:…|$)/.test(word)) return ofCapsules(names);
  if (/^[a-z]+(?:\|[a-z]+)+$/.test(word)) return { candidates: word.split("|").map((one) => ({ word: one, about: "" })), withFiles: false };
  return { candidates: [], withFiles: word.startsWith("FILE") };
}

async function ofCapsules(names: Names): Promise<Completion> {
  return { candidates: await names.capsules(), withFiles: false };
}

/** `CAPSULE:PATH`, as far as it is typed. `withFiles`: whether a file of this machine will do. */
async function ofPlace(current: string, withFiles: boolean, names: Names): Promise<Completion> {
  const [, capsule, directory = ""] = /^([^./:][^/:]*):(.*\/)?[^/]*$/s.exec(current) ?? [];
  if (capsule === undefined) {
    const isHere = /^[./~]/.test(current);
    const candidates = isHere ? [] : (await names.capsules()).map(({ word, about }) => ({ word: `${word}:`, about }));
    return { candidates, withFiles };
  }
  const entries = await names.entries(capsule, directory === "" ? "." : directory);
  return { candidates: entries.map((entry) => ({ word: `${capsule}:${directory}${entry}`, about: "" })), withFiles: false };
}
