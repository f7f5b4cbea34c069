/** A piece of a word: text, or a variable to be put in. */
export type WordPart = { readonly text: string } | { readonly variable: string };
export type Word = readonly WordPart[];

/** Where a stream goes. */
export type Redirect = {
  readonly stream: "stdout" | "stderr";
  readonly to: "stdout" | "stderr" | { readonly file: Word; readonly append: boolean };
};

export interface Command {
  readonly words: readonly Word[];
  readonly redirects: readonly Redirect[];
  /** When it runs, by the outcome of the one before. */
  readonly when: "always" | "success" | "failure";
}

/** What this small shell does not know; `sh` prints it and exits with 2. */
export class ShellSyntaxError extends Error {
  override readonly name = "ShellSyntaxError";
}

const VARIABLE = /^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\}|([$?]))/;
const REDIRECT = /^(?:([12]?)>&([12])|([12]?)>(>?))/;
const UNKNOWN = /^[|&()<`*[\]{}~#]/;

/** Reads commands joined by `;`, a line's end, `&&` and `||`, with quotes, variables and redirections. */
export function parseShell(text: string): readonly Command[] {
  return new Parser(text).commands();
}

class Parser {
  #rest: string;

  constructor(text: string) {
    this.#rest = text;
  }

  commands(): readonly Command[] {
    const commands: Command[] = [];
    let when: Command["when"] = "always";
    for (;;) {
      this.#take(/^[ \t\n;]+/);
      if (this.#rest === "") {
        if (when !== "always") throw new ShellSyntaxError("unexpected end of file");
        return commands;
      }
      commands.push(this.#command(when));
      const joint = this.#take(/^(?:&&|\|\||[;\n])/)?.[0];
      when = joint === "&&" ? "success" : joint === "||" ? "failure" : "always";
      if (joint === undefined && this.#rest !== "") throw this.#unknown();
    }
  }

  #command(when: Command["when"]): Command {
    const words: Word[] = [];
    const redirects: Redirect[] = [];
    for (;;) {
      this.#take(/^[ \t]+/);
      const redirect = this.#redirect();
      if (redirect !== null) redirects.push(redirect);
      else if (this.#rest === "" || /^(?:&&|\|\||[;\n])/.test(this.#rest)) break;
      else words.push(this.#word());
    }
    if (words.length === 0 && redirects.length === 0) throw this.#unknown();
    return { words, redirects, when };
  }

  #redirect(): Redirect | null {
    const match = this.#take(REDIRECT);
    if (match === null) return null;
    const stream = (match[1] || match[3]) === "2" ? "stderr" : "stdout";
    if (match[2] !== undefined) return { stream, to: match[2] === "2" ? "stderr" : "stdout" };
    this.#take(/^[ \t]+/);
    return { stream, to: { file: this.#word(), append: match[4] === ">" } };
  }

  #word(): Word {
    const parts: WordPart[] = [];
    while (this.#rest !== "" && !/^[ \t\n;>]|^&&|^\|\|/.test(this.#rest)) parts.push(...this.#piece());
    if (parts.length === 0) throw this.#unknown();
    return parts;
  }

  #piece(): WordPart[] {
    if (this.#rest.startsWith("'")) {
      const quoted = this.#take(/^'([^']*)'/);
      if (quoted === null) throw new ShellSyntaxError("unterminated quoted string");
      return [{ text: quoted[1] ?? "" }];
    }
    if (this.#take(/^"/) !== null) return this.#doubleQuoted();
    const escaped = this.#take(/^\\([^])/);
    if (escaped !== null) return [{ text: escaped[1] === "\n" ? "" : (escaped[1] ?? "") }];
    if (this.#rest.startsWith("$")) return [this.#variable()];
    if (UNKNOWN.test(this.#rest)) throw this.#unknown();
    return [{ text: this.#take(/^[^'"\\$ \t\n;&|()<>`*[\]{}]+/)?.[0] ?? this.#refuse() }];
  }

  #doubleQuoted(): WordPart[] {
    const parts: WordPart[] = [{ text: "" }];
    for (;;) {
      if (this.#rest === "") throw new ShellSyntaxError("unterminated quoted string");
      if (this.#take(/^"/) !== null) return parts;
      const escaped = this.#take(/^\\([$`"\\])/);
      if (escaped !== null) parts.push({ text: escaped[1] ?? "" });
      else if (this.#rest.startsWith("$")) parts.push(this.#variable());
      else if (this.#rest.startsWith("`")) throw this.#unknown();
      else parts.push({ text: this.#take(/^(?:[^"\\$`]+|\\)/)?.[0] ?? this.#refuse() });
    }
  }

  #variable(): WordPart {
    const match = this.#take(VARIABLE);
    if (match !== null) return { variable: match[1] ?? match[2] ?? match[3] ?? "" };
    if (this.#take(/^\$(?=[ \t\n"']|$)/) !== null) return { text: "$" };
    throw this.#unknown();
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    const match = pattern.exec(this.#rest);
    if (match !== null) this.#rest = this.#rest.slice(match[0].length);
    return match;
  }

  #unknown(): ShellSyntaxError {
    return new ShellSyntaxError(`the fake driver's shell does not know: ${this.#rest.slice(0, 20)}`);
  }

  #refuse(): never {
    throw this.#unknown();
  }
}
