import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Block } from "./guide.ts";
import { shown } from "./guide.ts";
import { readState } from "./state.ts";

const run = promisify(execFile);

/** What a page shows of a request that is refused: its status, or the error's code or message. */
const SHOWS_REFUSAL = /^[45]\d\d$|"(?:code|message)":/m;

/** A reader who does what a document says, in a directory of their own: what one sample exports and writes is there for the next. */
export class GuideReader implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "capsuled-guide-"));
  /** What was exported so far, of the variables that the document uses. */
  env: Record<string, string> = {};
  readonly #variables: readonly string[];

  constructor(variables: readonly string[]) {
    this.#variables = variables;
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
        said = await this.perform(block).catch((error: unknown) => {
          throw new Error(`${where} failed: ${String(error)}`, { cause: error });
        });
      }
    }
    return compared;
  }

  async perform({ language, name, text }: Block): Promise<string | null> {
    if (language === "yaml") writeFileSync(join(this.dir, name), text);
    if (language === "sh") return this.shell(text);
    if (language !== "js" || name !== "") return null;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", text], {
      cwd: this.dir,
      env: { ...process.env, ...this.env },
      timeout: 60_000,
    });
    return stdout;
  }

  /** A document's commands as they stand, with our URL and data directory; functions live on too. */
  async shell(text: string): Promise<string> {
    const { url, dataDir } = readState();
    const script = text.replaceAll("http://127.0.0.1:8080", url).replaceAll("/var/lib/capsuled/", `${dataDir}/`);
    const [functions, environment] = [join(this.dir, "functions"), join(this.dir, "environment")];
    const before = `set -e -o pipefail\n[ ! -f ${functions} ] || . ${functions}\n`;
    const behind = `\nexport ${this.#variables.join(" ")}\ndeclare -f > ${functions} || true\nenv -0 > ${environment}`;
    const { stdout } = await run("bash", ["-c", before + script + behind], {
      cwd: this.dir,
      env: { PATH: process.env["PATH"] ?? "", CURL_HOME: this.dir, ...this.env },
      timeout: 60_000,
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
