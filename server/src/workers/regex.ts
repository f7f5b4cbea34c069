import type { Job, JobAnswer } from "./job.ts";
import { faulty } from "./job.ts";
import { answerOf, textOf } from "./result.ts";

/** The named groups of the first match, or of all; the whole match where the pattern has none. */
export function matchRegex({ pattern, flags, all, stdout }: Extract<Job, { kind: "regex" }>): JobAnswer {
  const text = textOf(stdout);
  if (all) return answerOf(Array.from(text.matchAll(new RegExp(pattern, `${flags}g`)), valueOf));
  const match = new RegExp(pattern, flags).exec(text);
  return match === null ? faulty("the pattern matches nothing in the output") : answerOf(valueOf(match));
}

function valueOf(match: RegExpExecArray): unknown {
  if (match.groups === undefined) return match[0];
  return Object.fromEntries(Object.entries(match.groups).map(([name, text]) => [name, text ?? null]));
}
