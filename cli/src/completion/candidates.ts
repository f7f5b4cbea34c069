import type { Command, OptionSpec } from "../command.ts";
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
  /** Of a capsule, by tag where they have one. */
  processes(capsule: string): Promise<readonly Candidate[]>;
  templates(): Promise<readonly Candidate[]>;
  endpoints(): Promise<readonly Candidate[]>;
  /** What an endpoint is called with, as `NAME=`. */
  callArguments(endpoint: string): Promise<readonly Candidate[]>;
  runs(): Promise<readonly Candidate[]>;
  keys(): Promise<readonly Candidate[]>;
  /** Those of the configuration file. */
  servers(): Promise<readonly Candidate[]>;
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
  const positions = argumentsIn(options, given);
  const [, max] = command.arguments;
  if (command.takesRest === true && command.elsewhere === undefined && positions.length > max) return FILES;
  const valued = valuedBy(options, given.at(-1) ?? "");
  if (valued !== null) return ofOption(valued, positions, names);
  return ofArgument(command, positions, current, names);
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

/** The option before the cursor, where its value is to stand there. */
function valuedBy(options: NonNullable<Command["options"]>, word: string): OptionSpec | null {
  if (!word.startsWith("-") || word.includes("=")) return null;
  const found = Object.entries(options).find(([name, { short }]) => word === `--${name}` || (short !== undefined && word === `-${short}`));
  return found?.[1].type === "string" ? found[1] : null;
}

async function ofOption({ value = "", choices }: OptionSpec, before: readonly string[], names: Names): Promise<Completion> {
  if (choices !== undefined) return ofWords(choices);
  return value === "FILE" || value === "DIR" ? FILES : ofNoun(value, before, names);
}

/** The words before the cursor that are neither options nor their values. */
function argumentsIn(options: NonNullable<Command["options"]>, given: readonly string[]): readonly string[] {
  return given.filter((word, at) => (!word.startsWith("-") || word === "-") && valuedBy(options, given[at - 1] ?? "") === null);
}

async function ofArgument(command: Command, before: readonly string[], current: string, names: Names): Promise<Completion> {
  if (command.name === "endpoints call" && before.length > 0)
    return { candidates: await names.callArguments(before[0] ?? ""), withFiles: false };
  if (before.length >= command.arguments[1]) return command.takesRest === true && command.elsewhere === undefined ? FILES : NOTHING;
  if (command.usage.includes("CAPSULE:PATH")) return ofPlace(current, command.name === "cp", names);
  // What is in brackets is an option.
  const words = command.usage.replaceAll(/\[[^\]]*\] ?/g, "").split(" ");
  const word = words[Math.min(before.length, words.length - 1)] ?? "";
  if (/^[a-z]+(?:\|[a-z]+)+$/.test(word)) return ofWords(word.split("|"));
  return word.startsWith("FILE") ? FILES : ofNoun(word.replace(/…$/, ""), before, names);
}

/** What a word of the help stands for. `before`: the arguments before it. */
async function ofNoun(noun: string, before: readonly string[], names: Names): Promise<Completion> {
  const asked = askedFor(noun, before[0], names);
  return asked === null ? NOTHING : { candidates: await asked, withFiles: false };
}

function askedFor(noun: string, capsule: string | undefined, names: Names): Promise<readonly Candidate[]> | null {
  switch (noun) {
    case "CAPSULE":
      return names.capsules();
    case "PROCESS":
    case "TERMINAL":
      return capsule === undefined ? null : names.processes(capsule);
    case "TEMPLATE":
      return names.templates();
    case "ENDPOINT":
      return names.endpoints();
    case "RUN":
      return names.runs();
    case "KEY-ID":
      return names.keys();
    case "SERVER":
      return names.servers();
    default:
      return null;
  }
}

function ofWords(words: readonly string[]): Completion {
  return { candidates: words.map((word) => ({ word, about: "" })), withFiles: false };
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
