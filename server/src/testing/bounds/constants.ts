import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** Reads a file of the repository, named from its root. */
export function readSource(path: string): string {
  return readFileSync(`${ROOT}${path}`, "utf8");
}

/** The source without comments, and without a Rust file's tests at its end. */
export function codeOf(path: string): string {
  return readSource(path)
    .split(/^#\[cfg\(test\)\]$/m, 1)
    .join("")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|\s)\/\/.*$/gm, "$1");
}

/**
 * A constant's number, from the source: `NAME`, or `NAME.key` of an object, or a setting's default by `SETTINGS.name`.
 * Times are given in milliseconds and sizes in bytes where the constant's name has a unit. Throws where there is no such number.
 */
export function constant(path: string, name: string): number {
  const code = codeOf(path);
  const setting = /^SETTINGS\.(\w+)$/.exec(name)?.[1];
  if (setting !== undefined) return settingDefault(code, setting);
  const value = find(code, name.split("."), code);
  if (value === undefined) throw new Error(`${path} has no number ${name}`);
  return value * unitOf(name);
}

function find(text: string, [head = "", ...rest]: readonly string[], code: string): number | undefined {
  const start = new RegExp(`\\b${head}\\b(?:\\s*:\\s*[\\w<>&' ]+?(?=\\s*=))?\\s*(?:[:=]|(?=\\{))\\s*`, "g");
  for (const match of text.matchAll(start)) {
    const after = text.slice(match.index + match[0].length);
    const value = rest.length > 0 ? find(inside(after), rest, code) : numberAt(after, code);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** What stands between the first brace and its partner. */
function inside(text: string): string {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "{") depth += 1;
    if (text[at] === "}" && --depth <= 0) return text.slice(0, at);
    if (depth === 0 && text[at] === ";") return "";
  }
  return "";
}

/** A literal or a product, shift, sum… of literals and of the file's other constants; else `undefined`. */
function numberAt(text: string, code: string): number | undefined {
  const given = /^defaulted\(.*?\), (\d[\d_]*)\)/.exec(text)?.[1] ?? /^["']?([^,;}\n"']*)/.exec(text)?.[1];
  if (given === undefined || given.trim() === "") return undefined;
  const tokens = given.match(/\d[\d_]*(?:\.\d+)?|0x[\da-f_]+|[A-Z][A-Z0-9_]*|\*\*|<<|[-+*/()]|\S/gi) ?? [];
  return new Expression(tokens, (name) => find(code, [name], code)).value();
}

/** A setting's default, in bytes where its unit is a size. */
function settingDefault(code: string, name: string): number {
  const block = new RegExp(`\\b${name}: defineSetting\\(\\{([\\s\\S]*?)\\}\\)`).exec(code)?.[1] ?? "";
  const [, digits, size = ""] = /default: "(\d+)(KiB|MiB|GiB)?"/.exec(block) ?? [];
  const unit = /unit: "(MiB)"/.exec(block)?.[1] ?? size;
  if (digits === undefined) throw new Error(`no number is the default of the setting ${name}`);
  return Number(digits) * (UNITS[unit] ?? 1);
}

const MIB = 1024 * 1024;
const TIMES = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, day: 86_400_000, days: 86_400_000 };
const SIZES = { bytes: 1, KiB: 1024, MiB: MIB, GiB: 1024 * MIB };
/** Units as the documents write them: milliseconds and bytes are 1. */
export const UNITS: Readonly<Record<string, number>> = { ...TIMES, ...SIZES };

/** By how the name ends: `launchMs`, `KEPT_S`, `EXEC_TIMEOUT_SEC`, `agentMemoryMb`. */
function unitOf(name: string): number {
  const plain = name.replace(/(Max|Min|Default|_MAX|_MIN)$/, "");
  if (/(Sec|_SEC|_S|Seconds|_SECONDS)$/.test(plain)) return 1000;
  if (/(Us|_US)$/.test(plain)) return 0.001;
  if (/(Kb|_KB)$/.test(plain)) return 1024;
  if (/(Mb|_MB|_mb)$/.test(plain)) return MIB;
  return 1;
}

/** Arithmetic by precedence: sums before shifts, products before sums, powers before products. */
class Expression {
  readonly #tokens: readonly string[];
  readonly #named: (name: string) => number | undefined;
  #at = 0;

  constructor(tokens: readonly string[], named: (name: string) => number | undefined) {
    this.#tokens = tokens;
    this.#named = named;
  }

  value(): number | undefined {
    const value = this.#level(0);
    return this.#at === this.#tokens.length ? value : undefined;
  }

  #level(level: number): number | undefined {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#atom();
    let left = this.#level(level + 1);
    for (;;) {
      const act = operators[this.#tokens[this.#at] ?? ""];
      if (left === undefined || act === undefined) return left;
      this.#at += 1;
      const right = this.#level(level + 1);
      left = right === undefined ? undefined : act(left, right);
    }
  }

  #atom(): number | undefined {
    const token = this.#tokens[this.#at++] ?? "";
    if (token === "(") {
      const value = this.#level(0);
      return this.#tokens[this.#at++] === ")" ? value : undefined;
    }
    if (/^\d/.test(token)) return Number(token.replaceAll("_", ""));
    return /^[A-Z][A-Z0-9_]*$/.test(token) ? this.#named(token) : undefined;
  }
}

type Operator = (left: number, right: number) => number;
const LEVELS: readonly Readonly<Record<string, Operator>>[] = [
  { "<<": (left, right) => left * 2 ** right },
  { "+": (left, right) => left + right, "-": (left, right) => left - right },
  { "*": (left, right) => left * right, "/": (left, right) => left / right },
  { "**": (left, right) => left ** right },
];
