import jsonata from "jsonata";
import { z } from "zod";
import type { JobAnswer } from "./job.ts";
import { WORKER_LIMITS } from "./limits.ts";
import { answerOf, jsonOf } from "./result.ts";

/** What the library throws. */
const failure = z.object({ message: z.string(), position: z.number().optional() });

/** Whether it can be read at all. */
export function checkExpression(expression: string): JobAnswer {
  try {
    compile(expression);
    return { ok: true, json: "null" };
  } catch (error) {
    return { ok: false, message: `is no JSONata: ${messageOf(error)}` };
  }
}

/** An expression's value over output that is JSON; null where it has none. */
export async function evaluateExpression(expression: string, stdout: Uint8Array): Promise<JobAnswer> {
  const input = jsonOf(stdout);
  if (!input.ok) return input;
  try {
    const value: unknown = await compile(expression).evaluate(input.value);
    return answerOf(value);
  } catch (error) {
    return { ok: false, message: `the expression failed: ${messageOf(error)}` };
  }
}

function compile(expression: string): jsonata.Expression {
  return jsonata(expression, { stack: WORKER_LIMITS.jsonataDepthMax, sequence: WORKER_LIMITS.jsonataSequenceMax });
}

function messageOf(error: unknown): string {
  const read = failure.safeParse(error);
  if (!read.success) return "it cannot be evaluated";
  const { message, position } = read.data;
  return `${message.slice(0, 300)}${position === undefined ? "" : ` (at character ${position})`}`;
}
