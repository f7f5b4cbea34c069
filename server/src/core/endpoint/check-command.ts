import type { EndpointDefinition } from "@capsuled/contract";
import { closest } from "../../lib/closest.ts";
import type { EndpointArg } from "./compile.ts";
import { placesOf } from "./compile.ts";
import type { DefinitionProblem } from "./problem.ts";
import { isReservedVariable, isShellWord, variableOf } from "./shell-names.ts";
import type { Word } from "./split-command.ts";
import { fixedText, splitCommand } from "./split-command.ts";

/** Wrong places of a command that are told, each with what was meant. */
const PLACES_TOLD_MAX = 20;

type Given = Pick<EndpointDefinition, "command" | "shell" | "envs">;

/** The command with its arguments' places, or as a shell gets it. */
export function checkCommand(definition: Given, args: readonly EndpointArg[]): readonly DefinitionProblem[] {
  return definition.shell ? checkShell(definition, args) : checkWords(definition.command, args);
}

function checkWords(command: string, args: readonly EndpointArg[]): readonly DefinitionProblem[] {
  const split = splitCommand(command);
  if (!split.ok) return [{ path: ["command"], message: split.problem }];
  const names = new Set(args.map((arg) => arg.name));
  const placed = placesOf(split.words);
  const [program] = split.words;
  return [
    ...(program === undefined ? [] : checkProgram(program, args)),
    ...[...placed]
      .filter((name) => !names.has(name))
      .slice(0, PLACES_TOLD_MAX)
      .map((name) => ({ path: ["command"], message: `{{${name}}} names no argument${closest(name, [...names])}`, of: ["args"] })),
    ...[...new Set(split.literalPlaces)]
      .filter((name) => names.has(name))
      .map((name) => ({
        path: ["command"],
        message: `{{${name}}} is text within single quotes; use double quotes for the argument's value, or \\{{${name}}} unquoted for the text`,
      })),
    ...args.flatMap((arg, index) =>
      arg.flag !== undefined && placed.has(arg.name)
        ? [{ path: ["args", index, "flag"], message: `is never used, since {{${arg.name}}} has its place in the command` }]
        : [],
    ),
  ];
}

/** A caller must not choose any program, so a place in its word is for arguments with an `enum` only. */
function checkProgram(program: Word, args: readonly EndpointArg[]): readonly DefinitionProblem[] {
  const text = fixedText(program);
  if (text === "") return [{ path: ["command"], message: "begins with an empty program" }];
  const [first] = program.parts;
  if (
    !program.isQuoted &&
    first?.kind === "text" &&
    (text === undefined ? /^[A-Za-z_][A-Za-z0-9_]*=/.test(first.text) : isShellWord(text))
  ) {
    const hint = first.text.includes("=") ? "; variables can be given in envs" : "";
    return [{ path: ["command"], message: `begins with ${JSON.stringify(first.text)}, which needs shell: true${hint}` }];
  }
  return [...placesOf([program])]
    .filter((name) => args.some((arg) => arg.name === name && arg.enum === undefined))
    .map((name) => ({ path: ["command"], message: `{{${name}}} is part of the program, so that the argument needs an enum` }));
}

const PLACE = /\{\{[ \t]*([A-Za-z_][A-Za-z0-9_-]*)[ \t]*\}\}/g;

function checkShell(definition: Given, args: readonly EndpointArg[]): readonly DefinitionProblem[] {
  const problems: DefinitionProblem[] = [];
  if (definition.command.trim() === "") problems.push({ path: ["command"], message: "is empty" });
  const names = new Set(args.map((arg) => arg.name));
  for (const name of new Set([...definition.command.matchAll(PLACE)].map((match) => match[1] ?? ""))) {
    if (!names.has(name)) continue;
    problems.push({
      path: ["command"],
      message: `{{${name}}} has no place in a shell's command; write "$${variableOf(name)}", in double quotes`,
    });
  }
  const variables = new Map<string, string>();
  for (const [index, arg] of args.entries()) {
    const variable = variableOf(arg.name);
    const path = ["args", index, "name"];
    const before = variables.get(variable);
    if (before !== undefined && before !== arg.name) problems.push({ path, message: `is the variable ${variable}, as ${before} is` });
    variables.set(variable, arg.name);
    if (isReservedVariable(variable)) problems.push({ path, message: `is the variable ${variable}, which the shell or the system reads` });
    if (Object.hasOwn(definition.envs ?? {}, variable)) problems.push({ path, message: `is the variable ${variable}, which envs has too` });
    if (arg.flag !== undefined) problems.push({ path: ["args", index, "flag"], message: "is for commands without a shell" });
  }
  return problems;
}
