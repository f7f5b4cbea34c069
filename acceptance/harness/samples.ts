import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readState } from "./state.ts";

/** A sample of a guide and what the guide says that it prints. */
export interface Sample {
  readonly code: string;
  readonly prints: string;
}

/** The JavaScript samples of a guide: each is followed by a block of text with what it prints. */
export function samplesOf(guide: string): readonly Sample[] {
  const text = readFileSync(fileURLToPath(new URL(`../../docs/guides/${guide}`, import.meta.url)), "utf8");
  return [...text.matchAll(/```js\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g)].map(([, code = "", prints = ""]) => ({ code, prints }));
}

/** Run before a sample: its end tells of each refused request whose status the sample does not name. */
const WATCH = `const { fetch } = globalThis;
const named = process.env.SAMPLE_NAMES.split(" ");
globalThis.fetch = async (url, options) => {
  const answer = await fetch(url, options);
  if (answer.status < 400 || named.includes(String(answer.status))) return answer;
  console.error(options?.method ?? "GET", String(url), "answered", answer.status, await answer.clone().text());
  process.exitCode = 22;
  return answer;
};`;

/**
 * Runs a sample as its reader would, against the server under test; gives what it printed. A request that is refused fails it, unless
 * the sample or what it prints names that status.
 */
export async function runSample({ code, prints }: Sample): Promise<string> {
  const { url, adminKey } = readState();
  const dir = mkdtempSync(join(tmpdir(), "capsuled-sample-"));
  try {
    const file = join(dir, "sample.mjs");
    writeFileSync(file, code);
    const named = `${code}\n${prints}`.match(/\b[45]\d\d\b/g) ?? [];
    const child = spawn(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(WATCH)}`, file], {
      env: { CAPSULED_URL: url, CAPSULED_KEY: adminKey, SAMPLE_NAMES: named.join(" ") },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk: string) => (printed += chunk));
    const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
    const status = await new Promise<number | null>((done) => child.once("close", done));
    clearTimeout(timer);
    if (status !== 0) throw new Error(`the sample ended with ${status ?? "a signal"}: ${printed}`);
    return printed;
  } finally {
    rmSync(dir, { recursive: true });
  }
}
