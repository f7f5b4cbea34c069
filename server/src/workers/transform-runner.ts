import type { EndpointTransformer } from "@capsuled/contract";
import type { Transformed, TransformRunner } from "../core/endpoint/transform.ts";
import type { BoundedThread } from "./bounded-thread.ts";
import type { Job } from "./job.ts";
import { WORKER_LIMITS } from "./limits.ts";
import { jsonOf, textOf } from "./result.ts";

/** Transformers: `json` and `lines` at once, what could run long in a thread. */
export function createTransformRunner(thread: Pick<BoundedThread, "run">): TransformRunner {
  async function inThread(job: Job, signal: AbortSignal | undefined): Promise<Transformed> {
    const answer = await thread.run(job, signal);
    if (!answer.ok) return answer;
    const value: unknown = JSON.parse(answer.json);
    return { ok: true, value };
  }

  return {
    async transform(transformer, stdout, signal) {
      if (stdout.length > WORKER_LIMITS.transformInputBytesMax) {
        return { ok: false, message: `the output has more than ${WORKER_LIMITS.transformInputBytesMax} bytes` };
      }
      switch (transformer.type) {
        case "json":
          return jsonOf(stdout);
        case "lines":
          return linesOf(stdout);
        case "regex": {
          const { pattern, flags = "", all } = transformer;
          return inThread({ kind: "regex", pattern, flags, all, stdout }, signal);
        }
        case "jsonata":
          return inThread({ kind: "jsonata", expression: transformer.expression, stdout }, signal);
      }
    },

    async check(transformer: EndpointTransformer) {
      if (transformer.type !== "jsonata") return undefined;
      const answer = await thread.run({ kind: "jsonata-check", expression: transformer.expression });
      return answer.ok ? undefined : answer.message;
    },
  };
}

const NEWLINE = 0x0a;
/** Bytes that a line costs in JSON beside its text: two quotes and a comma. */
const LINE_BYTES = 3;

/** An array of lines without their ends (`\n` or `\r\n`); a last line counts without one too. */
function linesOf(stdout: Uint8Array): Transformed {
  let lines = 1;
  for (let at = stdout.indexOf(NEWLINE); at !== -1; at = stdout.indexOf(NEWLINE, at + 1)) lines += 1;
  if (stdout.length + lines * LINE_BYTES > WORKER_LIMITS.transformResultBytesMax) {
    return { ok: false, message: `the result has more than ${WORKER_LIMITS.transformResultBytesMax} bytes` };
  }
  const all = textOf(stdout).split(/\r?\n/);
  if (all.at(-1) === "") all.pop();
  return { ok: true, value: all };
}
