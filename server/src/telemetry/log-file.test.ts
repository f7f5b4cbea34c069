import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createLogFile, LOG_FILES_KEPT } from "./log-file.ts";
import { createLogger } from "./logger.ts";

const BYTES_MAX = 40_000;
/** What the stream writes at once. */
const CHUNK_BYTES = 16 * 1024;
const pad = "p".repeat(200);

/** The files of a log, and every line in them, the oldest first. */
function read(dir: string): { readonly names: readonly string[]; readonly lines: readonly string[] } {
  const names = readdirSync(dir).sort().toReversed();
  return { names, lines: names.flatMap((name) => readFileSync(join(dir, name), "utf8").split("\n").slice(0, -1)) };
}

/** Waits until a line is in a file: it is written as soon as the stream comes to it. */
async function written(dir: string, text: string): Promise<void> {
  while (!read(dir).lines.some((line) => line.includes(text))) await turn();
}

test(
  "a log is put aside when it has its size, so many are kept, and no line is lost or doubled on the way",
  { timeout: 60_000 },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "capsuled-log-"));
    const path = join(dir, "server.log");
    try {
      writeFileSync(path, `${"x".repeat(20_000)}\n`);
      const log = createLogger({ level: "info", destination: createLogFile(path, BYTES_MAX) });
      // Less than the files hold: each line is there once, in its order, whatever waited when a file was put aside.
      for (let number = 1000; number < 1400; number += 1) log.info({ pad }, `line ${number}`);
      await written(dir, "line 1399");
      const first = read(dir);
      assert.deepEqual(
        first.lines.slice(1).map((line) => Number(/line (\d+)/.exec(line)?.[1])),
        Array.from({ length: 400 }, (_, at) => 1000 + at),
      );
      assert.ok(first.names.length > 2, first.names.join());
      // Many times what they hold: the newest are kept, each at its size at most, and only their owner may read them.
      for (let number = 2000; number < 4000; number += 1) {
        log.info({ pad }, `line ${number}`);
        if (number % 20 === 0) await written(dir, `line ${number}`);
      }
      await written(dir, "line 3999");
      const { names, lines } = read(dir);
      assert.deepEqual(names, [...Array.from({ length: LOG_FILES_KEPT }, (_, at) => `server.log.${LOG_FILES_KEPT - at}`), "server.log"]);
      for (const name of names) {
        const { mode, size } = statSync(join(dir, name));
        assert.ok(size < BYTES_MAX + 2 * CHUNK_BYTES, `${name} has ${size} bytes`);
        assert.equal(mode & 0o777, 0o600);
      }
      const numbers = lines.map((line) => Number(/line (\d+)/.exec(line)?.[1]));
      assert.deepEqual(
        numbers,
        Array.from({ length: numbers.length }, (_, at) => 4000 - numbers.length + at),
      );
    } finally {
      rmSync(dir, { recursive: true });
    }
  },
);

test("a file that cannot be opened is told at once", () => {
  assert.throws(() => createLogFile("/no/such/place/server.log", 1000), /ENOENT/);
});
