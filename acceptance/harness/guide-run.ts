import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CLI } from "./cli.ts";
import type { Block } from "./guide.ts";
import { blocksOf, shown } from "./guide.ts";
import { readState } from "./state.ts";

const run = promisify(execFile);

/** Milliseconds that one sample may take: the longest builds a template. */
const SAMPLE_MS = 120_000;

/** What a page shows of a request that is refused: its status, or the error's code or message. */
const SHOWS_REFUSAL = /^[45]\d\d$|"(?:code|message)":/m;

/** Run before a sample in JavaScript: its end tells of each refused request whose status the page does not name. */
const WATCH = `const { fetch } = globalThis;
const named = process.env.SAMPLE_NAMES.split(" ");
globalThis.fetch = async (url, options) => {
  const answer = await fetch(url, options);
  if (answer.status < 400 || named.includes(String(answer.status))) return answer;
  console.error(options?.method ?? "GET", String(url), "answered", answer.status, await answer.clone().text());
  process.exitCode = 22;
  return answer;
};`;

/** Which server, and with which key: every guide's first sample says it. */
const SETTINGS = ["CAPSULED_URL", "CAPSULED_API_KEY"];

/** What the samples are pasted into. Z shell takes what looks like a pattern for one, also in an address. */
export type GuideShell = "bash" | "zsh";

/** A reader who does what a document says, in a directory of their own: what one sample exports and writes is there for the next. */
export class GuideReader implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "capsuled-guide-"));
  /** What was exported so far, of the variables that the document uses. */
  env: Record<string, string> = {};
  readonly #variables: readonly string[];
  readonly #shell: GuideShell;

  constructor(variables: readonly string[] = [], shell: GuideShell = "bash") {
    this.#variables = [...SETTINGS, ...variables];
    this.#shell = shell;
  }

  /**
   * Does all blocks in their order, and compares what they print with what the document shows. Returns how often it compared.
   * A request that is refused fails its block, unless the output that is shown tells of one.
   */
  async follow(document: string, blocks: readonly Block[]): Promise<number> {
    let said: string | null = null;
    let compared = 0;
    for (const [at, block] of blocks.entries()) {
      const next = blocks[at + 1];
      const isRefused = next?.language === "text" && SHOWS_REFUSAL.test(next.text);
      writeFileSync(join(this.dir, ".curlrc"), isRefused ? "" : "fail-with-body\n");
      const where = `${document}:${block.line}`;
      if (block.language === "text") {
        assert.ok(said !== null, `${where} shows the output of nothing`);
        assert.match(said, shown(block.text), `${where}\n${said}`);
        compared += 1;
        said = null;
      } else {
        const shows = next?.language === "text" ? next.text : "";
        said = await this.perform(block, shows).catch((error: unknown) => {
          throw new Error(`${where} failed: ${String(error)}`, { cause: error });
        });
      }
    }
    return compared;
  }

  /** `shows` is what the document says that it prints. */
  async perform({ language, name, text }: Block, shows: string): Promise<string | null> {
    if (language === "sh") return this.shell(text);
    if (language !== "js" || name !== "") return null;
    const named = `${text}\n${shows}`.match(/\b[45]\d\d\b/g) ?? [];
    const watch = `data:text/javascript,${encodeURIComponent(WATCH)}`;
    const { stdout } = await run(process.execPath, ["--import", watch, "--input-type=module", "-e", text], {
      cwd: this.dir,
      env: { ...process.env, ...this.env, SAMPLE_NAMES: named.join(" ") },
      timeout: SAMPLE_MS,
    });
    return stdout;
  }

  /** A document's commands as they stand, with our URL and data directory; functions live on too. */
  async shell(text: string): Promise<string> {
    const { url, dataDir } = readState();
    const script = text.replaceAll("http://127.0.0.1:8080", url).replaceAll("/var/lib/capsuled/", `${dataDir}/`);
    const [functions, environment] = [join(this.dir, "functions"), join(this.dir, "environment")];
    const npx = `npx() { [ "$1" = capsuled ] || return 127; shift; ${process.execPath} ${CLI} "$@"; }`;
    const before = `set -e -o pipefail\n${npx}\n[ ! -f ${functions} ] || . ${functions}\n`;
    const behind = `\nexport ${this.#variables.join(" ")}\ndeclare -f > ${functions} || true\nenv -0 > ${environment}`;
    const { stdout } = await run(this.#shell, [this.#shell === "zsh" ? "-fc" : "-c", before + script + behind], {
      cwd: this.dir,
      env: { PATH: process.env["PATH"] ?? "", HOME: this.dir, CURL_HOME: this.dir, ...this.env },
      timeout: SAMPLE_MS,
    });
    const pairs = readFileSync(environment, "utf8")
      .split("\0")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const);
    this.env = Object.fromEntries(pairs.filter(([name]) => this.#variables.includes(name)));
    return stdout;
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Follows a document from its top to its end. Returns how often what was printed was compared with what it shows. */
export async function followDocument(
  document: string,
  { variables = [], shell = "bash" }: { readonly variables?: readonly string[]; readonly shell?: GuideShell } = {},
): Promise<number> {
  using reader = new GuideReader(variables, shell);
  return await reader.follow(document, blocksOf(document)); // its directory is there until then
}
