import type { EndpointDefinition } from "@capsuled/contract";
import { fail } from "../fail.ts";
import type { Pattern } from "./pattern.ts";
import { compilePattern } from "./pattern.ts";
import type { StoredDefinition } from "./record.ts";
import type { Word } from "./split-command.ts";
import { splitCommand } from "./split-command.ts";

export type EndpointArg = NonNullable<EndpointDefinition["args"]>[number];

/** What calls need of a definition again and again: its command in words, its arguments with their patterns. */
export interface CompiledDefinition {
  /** Empty for `shell: true`. */
  readonly words: readonly Word[];
  readonly args: readonly EndpointArg[];
  /** Names of the arguments that have a place in the command. */
  readonly placed: ReadonlySet<string>;
  readonly patterns: ReadonlyMap<string, Pattern>;
}

const compiled = new WeakMap<StoredDefinition, CompiledDefinition>();

/** The definition compiled, once for each object. Throws `invalid_request` for one that was stored under other rules than today's. */
export function compileDefinition(definition: StoredDefinition): CompiledDefinition {
  const known = compiled.get(definition);
  if (known !== undefined) return known;
  const made = compile(definition);
  compiled.set(definition, made);
  return made;
}

function compile(definition: StoredDefinition): CompiledDefinition {
  const args = definition.args ?? [];
  const patterns = new Map<string, Pattern>();
  for (const arg of args) {
    if (arg.pattern === undefined) continue;
    const result = compilePattern(arg.pattern);
    if (!result.ok) throw fail("invalid_request", `The endpoint's argument ${arg.name} has a pattern that ${result.problem}.`);
    patterns.set(arg.name, result.pattern);
  }
  if (definition.shell) return { words: [], args, placed: new Set(), patterns };
  const split = splitCommand(definition.command);
  if (!split.ok) throw fail("invalid_request", `The endpoint's command: ${split.problem}.`);
  return { words: split.words, args, placed: placesOf(split.words), patterns };
}

/** Names of the arguments that have a place in these words. */
export function placesOf(words: readonly Word[]): ReadonlySet<string> {
  return new Set(words.flatMap((word) => word.parts).flatMap((part) => (part.kind === "arg" ? [part.name] : [])));
}
