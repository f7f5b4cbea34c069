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

/** Runs a sample as its reader would, against the server under test; gives what it printed. */
export async function runSample(code: string): Promise<string> {
  const { url, adminKey } = readState();
  const dir = mkdtempSync(join(tmpdir(), "capsuled-sample-"));
  try {
    const file = join(dir, "sample.mjs");
    writeFileSync(file, code);
    const child = spawn(process.execPath, [file], {
      env: { CAPSULED_URL: url, CAPSULED_KEY: adminKey },
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
