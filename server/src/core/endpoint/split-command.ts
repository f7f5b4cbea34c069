/** A piece of one word: text as it is, or the place of an argument's value. */
export type WordPart = { readonly kind: "text"; readonly text: string } | { readonly kind: "arg"; readonly name: string };

/** One element of the argument vector. */
export interface Word {
  readonly parts: readonly WordPart[];
  /** Whether any character of it was quoted; a quoted word is never a word of the shell's own. */
  readonly isQuoted: boolean;
}

export type SplitCommand =
  | {
      readonly ok: true;
      readonly words: readonly Word[];
      /** Names that stand as `{{name}}` within single quotes, where they are text. */
      readonly literalPlaces: readonly string[];
    }
  | { readonly ok: false; /** Of the character that is refused, from 0. */ readonly index: number; readonly problem: string };

const PLACE = /\{\{[ \t]*([A-Za-z_][A-Za-z0-9_-]*)[ \t]*\}\}/y;
const LITERAL_PLACE = /\{\{[ \t]*([A-Za-z_][A-Za-z0-9_-]*)[ \t]*\}\}/g;
const BLANK = /[ \t\r\n]/;
const OPERATORS = "|&;<>()$`*?";
/** What a dollar sign within double quotes would be expanded before. */
const EXPANDED = /[A-Za-z0-9_{(@*#?$!-]/;

/**
 * Splits a command as a POSIX shell does its quoting, and nothing else: no expansion, no operators. What a shell would treat
 * specially is refused where it stands unquoted, since it would not do here what it says.
 *
 * - `'…'` keeps everything as it is, `{{name}}` included. `"…"` keeps blanks; a backslash in it escapes `"`, `\`, `$`, a backquote
 *   and the end of a line. A backslash elsewhere keeps the next character; before the end of a line both are left out.
 * - Unquoted `| & ; < > ( ) $ * ?` and backquotes are refused, as are the end of a line with more after it, `#` and `~` at a
 *   word's start, and `[` (but for the program `[`). Within double quotes a backquote is refused, and `$` before what it would expand.
 * - `{{name}}`, unquoted or within double quotes, is the place of an argument's value and never splits its word. Text that looks
 *   like it is written in single quotes, or unquoted as `\{{…}}`.
 */
export function splitCommand(command: string): SplitCommand {
  return new Splitter(command).split();
}

class Refusal extends Error {
  readonly index: number;
  constructor(index: number, problem: string) {
    super(problem);
    this.index = index;
  }
}

class Splitter {
  readonly #command: string;
  readonly #end: number;
  readonly #words: Word[] = [];
  readonly #literalPlaces: string[] = [];
  #at = 0;
  #parts: WordPart[] = [];
  #text = "";
  #isWord = false;
  #isQuoted = false;

  constructor(command: string) {
    this.#command = command;
    this.#end = command.replace(/[ \t\r\n]+$/, "").length;
    // A blank that a backslash keeps belongs to the last word.
    if (this.#end < command.length && /(?:^|[^\\])(?:\\\\)*\\$/.test(command.slice(0, this.#end))) this.#end += 1;
  }

  split(): SplitCommand {
    try {
      while (this.#at < this.#end) this.#step(this.#char());
      this.#endWord();
    } catch (error) {
      if (error instanceof Refusal) return { ok: false, index: error.index, problem: error.message };
      throw error;
    }
    if (this.#words.length === 0) return { ok: false, index: 0, problem: "is empty" };
    return { ok: true, words: this.#words, literalPlaces: this.#literalPlaces };
  }

  #char(): string {
    return this.#command[this.#at] ?? "";
  }

  #step(char: string): void {
    if (BLANK.test(char)) return this.#blank(char);
    if (char === "'") return this.#single();
    if (char === '"') return this.#double();
    if (char === "\\") return this.#backslash();
    if (char === "{" && this.#command.startsWith("{{", this.#at)) return this.#place();
    if (OPERATORS.includes(char)) throw this.#needsShell(char);
    if ((char === "#" || char === "~") && !this.#isWord) throw this.#needsShell(char);
    if (char === "[" && !this.#isProgramBracket()) throw this.#needsShell(char);
    this.#take(char);
  }

  /** `[ -f x ]`: the program of that name. */
  #isProgramBracket(): boolean {
    const next = this.#command[this.#at + 1] ?? " ";
    return this.#words.length === 0 && !this.#isWord && BLANK.test(next);
  }

  #blank(char: string): void {
    const isStart = this.#words.length === 0 && !this.#isWord;
    if (char === "\n" && !isStart) {
      throw new Refusal(
        this.#at,
        `an end of line between commands, at character ${this.#at + 1}, needs shell: true (a backslash before it joins the lines)`,
      );
    }
    this.#endWord();
    this.#at += 1;
  }

  #single(): void {
    const close = this.#command.indexOf("'", this.#at + 1);
    if (close === -1) throw new Refusal(this.#at, `the single quote at character ${this.#at + 1} is not closed`);
    const text = this.#command.slice(this.#at + 1, close);
    for (const match of text.matchAll(LITERAL_PLACE)) if (match[1] !== undefined) this.#literalPlaces.push(match[1]);
    this.#text += text;
    this.#isWord = true;
    this.#isQuoted = true;
    this.#at = close + 1;
  }

  #double(): void {
    const open = this.#at;
    this.#isWord = true;
    this.#isQuoted = true;
    this.#at += 1;
    for (;;) {
      if (this.#at >= this.#command.length) throw new Refusal(open, `the double quote at character ${open + 1} is not closed`);
      const char = this.#char();
      if (char === '"') break;
      const next = this.#command[this.#at + 1] ?? "";
      if (char === "\\" && next !== "" && '"\\$`\n'.includes(next)) {
        if (next !== "\n") this.#text += next;
        this.#at += 2;
      } else if (char === "`" || (char === "$" && EXPANDED.test(next))) {
        throw new Refusal(
          this.#at,
          `${quoted(char)} in double quotes, at character ${this.#at + 1}, needs shell: true (or single quotes, to mean the character)`,
        );
      } else if (this.#command.startsWith("{{", this.#at)) {
        this.#place();
      } else {
        this.#take(char);
      }
    }
    this.#at += 1;
  }

  #backslash(): void {
    if (this.#at + 1 >= this.#command.length) throw new Refusal(this.#at, "the backslash at the end keeps nothing");
    const [next = ""] = this.#command.slice(this.#at + 1);
    const isJoin = next === "\n" || (next === "\r" && this.#command[this.#at + 2] === "\n");
    if (isJoin) {
      this.#at += next === "\r" ? 3 : 2;
      return;
    }
    this.#isQuoted = true;
    this.#at += 1;
    this.#take(next);
  }

  #place(): void {
    PLACE.lastIndex = this.#at;
    const match = PLACE.exec(this.#command);
    const name = match?.[1];
    if (match === null || name === undefined) {
      throw new Refusal(
        this.#at,
        `\`{{\` at character ${this.#at + 1} is not followed by an argument's name and \`}}\` (single quotes keep it as text)`,
      );
    }
    this.#endText();
    this.#parts.push({ kind: "arg", name });
    this.#isWord = true;
    this.#at += match[0].length;
  }

  #take(char: string): void {
    this.#text += char;
    this.#isWord = true;
    this.#at += char.length;
  }

  #endText(): void {
    if (this.#text !== "") this.#parts.push({ kind: "text", text: this.#text });
    this.#text = "";
  }

  #endWord(): void {
    if (!this.#isWord) return;
    this.#endText();
    this.#words.push({ parts: this.#parts, isQuoted: this.#isQuoted });
    this.#parts = [];
    this.#isWord = false;
    this.#isQuoted = false;
  }

  #needsShell(char: string): Refusal {
    return new Refusal(this.#at, `${quoted(char)} at character ${this.#at + 1} needs shell: true (or quotes, to mean the character)`);
  }
}

function quoted(char: string): string {
  return char === "`" ? "a backquote" : `\`${char}\``;
}

/** The word's text where no argument has a place in it. */
export function fixedText(word: Word): string | undefined {
  return word.parts.every((part) => part.kind === "text") ? word.parts.map((part) => part.text).join("") : undefined;
}
