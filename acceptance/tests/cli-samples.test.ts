import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { CLI } from "../harness/cli.ts";
import { blocksOf } from "../harness/guide.ts";
import { readState } from "../harness/state.ts";

const run = promisify(execFile);

/** What each document's lines print; `null` where the packages' test runs them. */
const LINES: Readonly<Record<string, Readonly<Record<string, RegExp | null>>>> = {
  "README.md": { "npx capsuled run -- python -c 'print(\"hello\")'": /^hello\n$/ },
  "cli/README.md": {
    "npm install --global @capsuled/cli": null,
    "sudo capsuled doctor": /^ok {4}OCI runtime[\s\S]*^ok {4}key/m,
    "sudo capsuled start": null,
    "sudo capsuled run -- echo hello": /^hello\n$/,
  },
};

test("the command lines of the READMEs do what they say, as they are written", async () => {
  const { url, adminKey } = readState();
  const dir = mkdtempSync(join(tmpdir(), "capsuled-readme-"));
  const names = `capsuled() { ${process.execPath} ${CLI} "$@"; }; npx() { "$@"; }; sudo() { "$@"; }\n`;
  try {
    for (const [document, known] of Object.entries(LINES)) {
      const lines = blocksOf(document)
        .filter(({ language }) => language === "sh")
        .flatMap(({ text }) => text.split("\n"))
        .map((line) => line.replace(/\s+#.*$/, ""))
        .filter((line) => /^(?:sudo |npx )?capsuled |@capsuled\//.test(line));
      assert.deepEqual(lines, Object.keys(known), document);
      for (const [line, prints] of Object.entries(known)) {
        if (prints === null) continue;
        const env = { PATH: process.env["PATH"] ?? "", HOME: dir, CAPSULED_URL: url, CAPSULED_API_KEY: adminKey };
        assert.match((await run("bash", ["-c", names + line], { cwd: dir, env })).stdout, prints, `${document}: ${line}`);
      }
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});
