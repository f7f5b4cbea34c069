import type { ErrorCode } from "@capsuled/contract";
import { ERROR_CODES, ERRORS } from "@capsuled/contract";
import { z } from "zod";
import { CapsuledError, ReplayedError } from "../fail.ts";

/** What becomes of a request's name once it has an outcome. */
export type Disposal = "keep_error" | "keep_without_answer" | "forget" | "release";

/** Refusals that come before anything was done, and that a repeat may not get. */
const NOTHING_DONE: readonly ErrorCode[] = ["host_full", "process_limit", "quota_exceeded", "shutting_down", "request_timeout"];

/**
 * An error is kept where a repeat can only get it again. Where nothing was done the name is free again; where nobody knows
 * (5xx), the name stays and the next repeat continues. A command that ran into its timeout is done: its answer is made anew.
 */
export function disposalOf(error: unknown): Disposal {
  if (!(error instanceof CapsuledError)) return "release";
  if (error.code === "timeout" || error.code === "result_expired") return "keep_without_answer";
  if (NOTHING_DONE.includes(error.code)) return "forget";
  const { status, retry } = ERRORS[error.code];
  return status < 500 && retry === "never" ? "keep_error" : "release";
}

const kept = z.union([
  z.object({ error: z.object({ code: z.enum(ERROR_CODES), message: z.string(), details: z.record(z.string(), z.unknown()).nullable() }) }),
  z.object({ answer: z.string() }),
]);

export function renderError({ code, message, details }: CapsuledError): string {
  return JSON.stringify({ error: { code, message, details } });
}

export function renderAnswer(answer: string): string {
  return JSON.stringify({ answer });
}

/** The kept answer's text. Throws the kept error, as `ReplayedError`. */
export function parseKept(text: string): string {
  const outcome = kept.parse(JSON.parse(text));
  if ("answer" in outcome) return outcome.answer;
  const { code, message, details } = outcome.error;
  throw new ReplayedError(code, message, details, undefined);
}
