import type { JobAnswer } from "./job.ts";
import { WORKER_LIMITS } from "./limits.ts";
import { answerOf, textOf, tooLarge } from "./result.ts";

const NEWLINE = 0x0a;
/** Bytes that a line costs in JSON beside its text: two quotes and a comma. */
const LINE_BYTES = 3;

/** An array of lines without their ends (`\n` or `\r\n`); a last line counts without one too. */
export function linesOf(stdout: Uint8Array): JobAnswer {
  let lines = 1;
  for (let at = stdout.indexOf(NEWLINE); at !== -1; at = stdout.indexOf(NEWLINE, at + 1)) lines += 1;
  if (stdout.length + lines * LINE_BYTES > WORKER_LIMITS.transformResultBytesMax) return tooLarge();
  const all = textOf(stdout).split(/\r?\n/);
  if (all.at(-1) === "") all.pop();
  return answerOf(all);
}
