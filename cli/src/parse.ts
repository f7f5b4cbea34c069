import { parseArgs } from "node:util";
import type { Command, Given, OptionSpec } from "./command.ts";
import { COMMON_OPTIONS } from "./command.ts";
import { UsageError } from "./exit.ts";
import { suggestion } from "./suggest.ts";

/** Words that other programs have for what is called otherwise here. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  list: "ls",
  delete: "rm",
  destroy: "rm",
  remove: "rm",
  inspect: "info",
  "keys rm": "keys revoke",
  unpause: "resume",
};

/** Finds the command that an argument list begins with: two words before one, also by other programs' words. */
export function findCommand(
  commands: readonly Command[],
  argv: readonly string[],
): { readonly command: Command; readonly argv: readonly string[] } | null {
  for (const words of [2, 1]) {
    const name = ownWords(argv.slice(0, words));
    const command = commands.find((one) => one.name === name);
    if (command !== undefined && argv.length >= words) return { command, argv: argv.slice(words) };
  }
  return null;
}

function ownWords(words: readonly string[]): string {
  const name = words.map((word) => otherWord(word) ?? word).join(" ");
  return otherWord(name) ?? name;
}

function otherWord(word: string): string | undefined {
  return Object.hasOwn(OTHER_WORDS, word) ? OTHER_WORDS[word] : undefined;
}

/** Takes the options of every command off the front, which may also stand before the command's name. */
export function splitLeading(argv: readonly string[]): { readonly leading: readonly string[]; readonly argv: readonly string[] } {
  let at = 0;
  for (let word = argv[at]; word?.startsWith("--") === true; word = argv[at]) {
    const spec = Object.hasOwn(COMMON_OPTIONS, word.slice(2)) ? COMMON_OPTIONS[word.slice(2)] : undefined;
    const withValue = /^--(?:server|key)=/.test(word);
    if ((spec === undefined && !withValue) || word === "--help") break;
    at += spec?.type === "string" ? 2 : 1;
  }
  return { leading: argv.slice(0, at), argv: argv.slice(at) };
}

/** Whether a command line, be it right or not, asks for JSON. */
export function asksForJson(commands: readonly Command[], words: readonly string[]): boolean {
  const { leading, argv } = splitLeading(words);
  const found = findCommand(commands, argv);
  const own = found === null ? argv : splitRest(found.command, { ...found.command.options, ...COMMON_OPTIONS }, found.argv).own;
  return [...leading, ...ahead(own)].includes("--json");
}

/** The words before `--`, behind which none is an option. */
const ahead = (words: readonly string[]): readonly string[] => (words.includes("--") ? words.slice(0, words.indexOf("--")) : words);

/** Reads a command's arguments; throws a `UsageError` that says what is wrong. */
export function parseCommand(command: Command, argv: readonly string[]): Given {
  const options = { ...command.options, ...COMMON_OPTIONS };
  const { own, rest } = splitRest(command, options, argv);
  const { values, positionals } = parsed(
    options,
    ahead(own)
      .flatMap((word) => withoutEquals(options, word))
      .concat(own.slice(ahead(own).length)),
    command.hints,
  );
  const given: Given = {
    arguments: positionals,
    rest,
    text(name) {
      const value = values[name];
      return typeof value === "string" ? value : undefined;
    },
    texts(name) {
      const value = values[name];
      return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
    },
    flag: (name) => values[name] === true,
    number(name) {
      const text = given.text(name);
      if (text === undefined) return undefined;
      if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--${name} takes a whole number, not ${JSON.stringify(text)}`);
      return Number(text);
    },
    variables(name, env) {
      const here = (word: string): string => {
        const value = /^[A-Za-z_]\w*$/.test(word) ? env[word] : undefined;
        if (value === undefined && !word.includes("="))
          throw new UsageError(
            `--${name} takes NAME=VALUE, or the NAME of a variable that is set here; ${JSON.stringify(word)} is neither`,
          );
        return value === undefined ? word : `${word}=${value}`;
      };
      return pairsOf(name, given.texts(name).map(here));
    },
    pairs: (name) => pairsOf(name, given.texts(name)),
  };
  if (given.flag("help")) return given;
  if (positionals.includes(""))
    throw new UsageError(
      `an argument is empty, perhaps a variable that is not set: ${`capsuled ${command.name} ${command.usage}`.trimEnd()}`,
    );
  const [min, max] = command.arguments;
  if (positionals.length < min || positionals.length > max || (rest !== null && command.takesRest !== true)) {
    const more = positionals.length > max ? command.elsewhere : positionals.length < min ? command.missing : undefined;
    throw new UsageError(`use it as: ${`capsuled ${command.name} ${command.usage}`.trimEnd()}${more === undefined ? "" : `; ${more}`}`);
  }
  return given;
}

function pairsOf(name: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((pair) => {
      const equals = pair.indexOf("=");
      if (equals < 1) throw new UsageError(`--${name} takes NAME=VALUE, not ${JSON.stringify(pair)}`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

/**
 * Cuts what is to be run elsewhere off the end: it begins behind `--`, or with the first word that is neither an option nor an argument,
 * and nothing of it is an option of this program.
 */
function splitRest(
  command: Command,
  options: Readonly<Record<string, OptionSpec>>,
  argv: readonly string[],
): { readonly own: readonly string[]; readonly rest: readonly string[] | null } {
  const hasProgram = command.takesRest === true && command.elsewhere === undefined;
  let left = hasProgram ? command.arguments[1] : Number.POSITIVE_INFINITY;
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    // Of commands that take none, what stands behind it are arguments that begin with a dash.
    if (word === "--" && command.takesRest !== true) return { own: argv, rest: null };
    if (word === "--") return { own: argv.slice(0, at), rest: argv.slice(at + 1) };
    if (word.startsWith("-") && word !== "-") at += hasValueBehind(options, word) ? 1 : 0;
    else if (left === 0) return { own: argv.slice(0, at), rest: argv.slice(at) };
    else left -= 1;
  }
  return { own: argv, rest: null };
}

/** `-w=/srv` and `-itw=/srv`, as docker has them, in the form that `parseArgs` reads; to that the equals sign is part of the value. */
function withoutEquals(options: Readonly<Record<string, OptionSpec>>, word: string): readonly string[] {
  const [, letters = "", last = "", value = ""] = /^-([a-zA-Z]*)([a-zA-Z])=(.*)$/s.exec(word) ?? [];
  const name = nameOfShort(options, last);
  if (name === undefined || letters.split("").some((letter) => isValued(options, letter))) return [word];
  if (!isValued(options, last)) throw new UsageError(`-${last} takes no value`);
  return [...(letters === "" ? [] : [`-${letters}`]), `--${name}=${value}`];
}

function nameOfShort(options: Readonly<Record<string, OptionSpec>>, letter: string): string | undefined {
  return letter === "" ? undefined : Object.keys(options).find((name) => options[name]?.short === letter);
}

const isValued = (options: Readonly<Record<string, OptionSpec>>, letter: string): boolean =>
  options[nameOfShort(options, letter) ?? ""]?.type === "string";

/** Whether the next word is the value of this one: `--cwd`, `-w`, or `-iw`, and neither `--cwd=/srv` nor `-w/srv`. */
function hasValueBehind(options: Readonly<Record<string, OptionSpec>>, word: string): boolean {
  if (word.startsWith("--")) return Object.hasOwn(options, word.slice(2)) && options[word.slice(2)]?.type === "string";
  const specs = Object.values(options);
  const valued = word
    .slice(1)
    .split("")
    .findIndex((letter) => specs.some(({ short, type }) => short === letter && type === "string"));
  return valued === word.length - 2;
}

/** The options that every command line takes, where there is no command. */
export function parseOptions(argv: readonly string[]): { readonly json: boolean; readonly server: string | undefined } {
  const { values, positionals } = parsed(COMMON_OPTIONS, argv);
  if (positionals.length > 0) throw new UsageError("use it as: capsuled version [--json] [--server NAME]");
  const { server } = values;
  return { json: values["json"] === true, server: typeof server === "string" ? server : undefined };
}

function parsed(
  options: Readonly<Record<string, OptionSpec>>,
  args: readonly string[],
  hints: Readonly<Record<string, string>> = {},
): { values: Record<string, unknown>; positionals: string[] } {
  try {
    const config = Object.fromEntries(
      Object.entries(options).map(([name, { type, short, multiple }]) => [
        name,
        { type, ...(short === undefined ? {} : { short }), ...(multiple === undefined ? {} : { multiple }) },
      ]),
    );
    const { values, positionals } = parseArgs({ args: [...args], options: config, allowPositionals: true, strict: true });
    return { values, positionals };
  } catch (error) {
    const said = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    const alone = /^Option '(?:-\w, )?(--[\w-]+)[^']*' (argument missing|does not take an argument)/.exec(said);
    if (alone !== null)
      throw new UsageError(`${alone[1]} ${alone[2] === "argument missing" ? "needs a value behind it" : "takes no value"}`);
    const unknown = /^Unknown option '(--?)([^']*)'/.exec(said);
    if (unknown === null) throw new UsageError(said);
    const [, dashes = "", name = ""] = unknown;
    const hint = Object.hasOwn(hints, `${dashes}${name}`) ? hints[`${dashes}${name}`] : undefined;
    if (hint !== undefined) throw new UsageError(`there is no option ${dashes}${name} here; ${hint}`);
    const meant = dashes === "--" ? suggestion(name, Object.keys(options), "--") : "";
    throw new UsageError(`there is no option ${dashes}${name}${meant === "" ? "; --help lists them" : meant}`);
  }
}
