import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { blocksOf, shown } from "../harness/guide.ts";
import { readState } from "../harness/state.ts";

const run = promisify(execFile);
const GUIDE = "docs/guides/files.md";

test("every sample of the guide to files prints what the guide says", { timeout: 120_000 }, async () => {
  const { url, dataDir } = readState();
  const dir = mkdtempSync(join(tmpdir(), "capsuled-guide-"));
  const kept = join(dir, "environment");
  let said: string | null = null;
  let compared = 0;
  try {
    for (const { language, text, line } of blocksOf(GUIDE)) {
      if (language === "text") {
        assert.ok(said !== null, `${GUIDE}:${line} shows the output of nothing`);
        assert.match(said, shown(text), `${GUIDE}:${line}\n${said}`);
        compared += 1;
        said = null;
        continue;
      }
      const script = text.replaceAll("http://127.0.0.1:8080", url).replaceAll("/var/lib/capsuled/", `${dataDir}/`);
      const before: string = compared === 0 && said === null ? "" : readFileSync(kept, "utf8");
      const { stdout } = await run("bash", ["-c", `${before}set -e -o pipefail\n${script}\ndeclare -p KEY API ID FILES > ${kept}`], {
        cwd: dir,
      });
      said = stdout;
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  assert.equal(compared, 8);
});
