/**
 * Prints each test that failed with the text of its error, from what the tiers wrote: `node scripts/what-failed.ts DIR`.
 * It comes last, so that a log that was cut in the middle still says why. Prints nothing where nothing failed.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Of one failure, in lines; the rest is in the log above. */
const LINES_MAX = 40;
/** Failures told of one tier, in their number. */
const FAILURES_MAX = 40;

interface Failure {
  readonly name: string;
  readonly text: readonly string[];
}

/** What a tier's file is called, and how failures are read from it. */
const READERS: Readonly<Record<string, (log: string) => readonly Failure[]>> = {
  static: ofChecks,
  "unit.tap": ofTap,
  rust: ofCargo,
  "acceptance.tap": ofTap,
  chaos: ofChaos,
  skipped: (log) => [{ name: "skipped, and scripts/allowed-skips does not name it", text: log.trimEnd().split("\n") }],
};

const dir = process.argv[2] ?? ".";
for (const [file, read] of Object.entries(READERS)) {
  const path = join(dir, file);
  if (!existsSync(path)) continue;
  const failures = read(readFileSync(path, "utf8"));
  for (const { name, text } of failures.slice(0, FAILURES_MAX)) {
    console.log(`\nFAILED ${file.replace(".tap", "")}: ${name}`);
    const shown = text.slice(0, LINES_MAX);
    for (const line of shown) console.log(`  ${line}`);
    if (text.length > shown.length) console.log(`  … ${text.length - shown.length} more lines`);
  }
  if (failures.length > FAILURES_MAX) console.log(`\n… and ${failures.length - FAILURES_MAX} more of ${file.replace(".tap", "")}`);
}

/** TAP as `node --test` writes it: four spaces a level, a YAML block behind each test. A suite is told by its tests. */
function ofTap(log: string): readonly Failure[] {
  const lines = log.split("\n");
  const path: string[] = [];
  let notes: string[] = [];
  const failures: Failure[] = [];
  for (const [at, line] of lines.entries()) {
    const begun = /^( *)# Subtest: (.*)$/.exec(line);
    if (begun !== null) path.length = depthOf(begun[1]);
    if (begun !== null) path.push(plain(begun[2]));
    else if (line.startsWith("# ")) notes.push(plain(line.slice(2)));
    const ended = /^( *)(not ok|ok) \d+/.exec(line);
    if (ended === null) continue;
    const block = yamlBlock(lines, at + 1, `${ended[1] ?? ""}  `);
    const kind = valueOf(block, "failureType")[0];
    if (ended[2] === "not ok" && kind !== "subtestsFailed" && !/# (TODO|SKIP)/.test(line)) {
      const name = path.slice(0, depthOf(ended[1]) + 1).join(" > ");
      // A file that fell before its first test has said why on its error output only.
      const said = valueOf(block, "error").join("") === "test failed" ? notes.slice(-LINES_MAX / 2) : [];
      const where = valueOf(block, "location").map((place) => `at ${place.replace(`${process.cwd()}/`, "")}`);
      const stack = valueOf(block, "stack").filter((frame) => !/^node:|\(node:/.test(frame));
      failures.push({ name, text: [...where, ...valueOf(block, "error"), ...said, ...stack.slice(0, 4)] });
    }
    if (depthOf(ended[1]) === 0) notes = [];
  }
  const isWhole = lines.some((line) => line.startsWith("# tests "));
  return isWhole ? failures : [...failures, { name: "its runner ended without a sum", text: notes.slice(-LINES_MAX / 2) }];
}

function depthOf(indent: string | undefined): number {
  return (indent ?? "").length / 4;
}

/** The lines between `---` and `...`, without their indent. */
function yamlBlock(lines: readonly string[], from: number, indent: string): readonly string[] {
  if (lines[from] !== `${indent}---`) return [];
  const end = lines.indexOf(`${indent}...`, from);
  return lines.slice(from + 1, end === -1 ? undefined : end).map((line) => line.slice(indent.length));
}

/** A key's value: its one line without quotes, or the lines of its literal block. */
function valueOf(block: readonly string[], key: string): readonly string[] {
  const at = block.findIndex((line) => line.startsWith(`${key}: `));
  const first = block[at]?.slice(key.length + 2) ?? "";
  if (!first.startsWith("|")) return first === "" ? [] : [first.replace(/^'(.*)'$/, "$1").replaceAll("''", "'")];
  const rest = block.slice(at + 1);
  const end = rest.findIndex((line) => line !== "" && !line.startsWith("  "));
  const text = (end === -1 ? rest : rest.slice(0, end)).map((line) => line.slice(2).trimEnd());
  return text.filter((line) => line !== "");
}

function plain(text: string | undefined): string {
  return (text ?? "").replaceAll(/\\([\\#])/g, "$1");
}

function ofCargo(log: string): readonly Failure[] {
  const parts = log.split(/^---- (.+) stdout ----$/m);
  const failures: Failure[] = [];
  for (let at = 1; at < parts.length; at += 2) {
    const said = (parts[at + 1] ?? "").split(/^failures:$/m)[0] ?? "";
    failures.push({ name: parts[at] ?? "", text: said.split("\n").filter((line) => line.trim() !== "") });
  }
  const errors = log.split(/\n(?=error(?:\[E\d+\])?: )/).slice(1);
  // Once tests ran, cargo's own `error:` lines only say that some of them failed.
  const broken = failures.length > 0 ? [] : errors.map((text) => text.split("\n"));
  return [...failures, ...broken.map(([name, ...text]) => ({ name: name ?? "", text: text.filter((line) => line.trim() !== "") }))];
}

/** What `scripts/check` printed under a check that failed. */
function ofChecks(log: string): readonly Failure[] {
  return log
    .split(/^(?=FAIL |ok {3}|none |checks: )/m)
    .filter((part) => part.startsWith("FAIL "))
    .map((part) => part.trimEnd().split("\n"))
    .map(([first, ...text]) => ({ name: first?.split(/ +/)[1] ?? "", text: text.map((line) => line.slice(5)) }));
}

function ofChaos(log: string): readonly Failure[] {
  const lines = log.trimEnd().split("\n");
  if (/^chaos: \d+ passed, 0 failed$/m.test(log)) return [];
  const found = lines.findIndex((line) => line.startsWith("found ("));
  const rows = lines.filter((line) => line.startsWith("FAIL "));
  return [
    { name: rows.length === 0 ? "it ended early" : rows.join("; "), text: found === -1 ? lines.slice(-LINES_MAX) : lines.slice(found) },
  ];
}
