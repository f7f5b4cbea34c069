import type { YAMLError } from "yaml";

/** A fault of a YAML text in words, with what to do about it. */
export interface YamlFault {
  readonly message: string;
  /** Whether the lines around it can be read as they were meant. */
  readonly isLocal: boolean;
}

/** Characters of the file that a message repeats. */
const SHOWN_CHARS_MAX = 80;

export function faultOf({ code, message, pos }: Pick<YAMLError, "code" | "message" | "pos">, text: string): YamlFault {
  const rest = restOfLine(text, pos[0]);
  switch (code) {
    case "BLOCK_AS_IMPLICIT_KEY":
    case "BLOCK_IN_FLOW":
      return local(`\`: \` within a value begins a field of its own; put the whole value into quotes: ${quoted(rest)}`);
    case "BAD_SCALAR_START":
      return local(`a value cannot begin with \`${rest.slice(0, 1)}\`; put it into quotes: ${quoted(rest)}`);
    case "TAG_RESOLVE_FAILED":
      return local(`a value that begins with \`!\` is a tag, which means nothing here; put it into quotes: ${quoted(rest)}`);
    case "BAD_DQ_ESCAPE":
      return local("a backslash within double quotes begins an escape, and this is none; double it, or use single quotes");
    case "UNEXPECTED_TOKEN":
      return unexpected(text, pos[0]);
    case "TAB_AS_INDENT":
      return { message: "the line is indented with a tab; use spaces", isLocal: false };
    case "MISSING_CHAR":
      if (/closing/.test(message)) return { message: "a quote before it is never closed", isLocal: false };
      if (/without -/.test(message))
        return {
          message: "the line is indented as an entry of a list, and has no `- `; indent it as the fields before it",
          isLocal: false,
        };
      return { message: "something is missing before it: a comma, a bracket or `:`", isLocal: false };
    case "BAD_INDENT":
      if (/flow/i.test(message)) return { message: "a `[` or `{` before it is never closed", isLocal: false };
      return { message: "the line is not indented as the fields that it belongs to", isLocal: false };
    case "MULTILINE_IMPLICIT_KEY":
    case "KEY_OVER_1024_CHARS":
      if (/^[\w-]+:\S/.test(rest)) return { message: "a field's name and `:` need a blank before the value", isLocal: false };
      return { message: "a field's name needs `: ` behind it, on its line", isLocal: false };
    case "MULTIPLE_DOCS":
      return { message: "a second document begins here; a file has one", isLocal: false };
    default:
      return { message: `is no YAML: ${message.split("\n")[0] ?? ""}`.slice(0, 2 * SHOWN_CHARS_MAX), isLocal: false };
  }
}

function local(message: string): YamlFault {
  return { message, isLocal: true };
}

/** Text where a value has ended: behind its closing quote, or behind the `|` or `>` of a text on the lines below. */
function unexpected(text: string, at: number): YamlFault {
  const before = text.slice(text.lastIndexOf("\n", at - 1) + 1, at).trimEnd();
  if (/["']$/.test(before)) return local("the value has ended with its closing quote; put quotes around the whole value");
  if (/[|>][-+0-9]*$/.test(before)) {
    return local("`|` and `>` begin a text on the lines below, and take nothing behind them; put a command that begins so into quotes");
  }
  return { message: "does not belong here", isLocal: false };
}

function restOfLine(text: string, from: number): string {
  const end = text.indexOf("\n", from);
  return text.slice(from, end === -1 ? undefined : end).trimEnd();
}

/** As YAML takes it, whatever is in it. */
function quoted(value: string): string {
  const shown = value.length > SHOWN_CHARS_MAX ? `${value.slice(0, SHOWN_CHARS_MAX)}…` : value;
  return `'${shown.replaceAll("'", "''")}'`;
}
