import type { EndpointTransformer } from "@capsuled/contract";
import type { TransformInput, TransformRunner } from "../core/endpoint/transform.ts";
import type { Job, JobAnswer } from "./job.ts";
import { faulty } from "./job.ts";
import { passJson } from "./json.ts";
import { WORKER_LIMITS } from "./limits.ts";
import { linesOf } from "./lines.ts";
import type { JobRunner } from "./thread-pool.ts";

/** Transformers: `json` and `lines` of little output at once, what could take long in a thread. */
export function createTransformRunner(threads: JobRunner): TransformRunner {
  return {
    async transform(teamId, transformer, input, signal) {
      if (input.bytes > WORKER_LIMITS.transformInputBytesMax)
        return faulty(`the output has more than ${WORKER_LIMITS.transformInputBytesMax} bytes`);
      if (input.bytes <= WORKER_LIMITS.atOnceBytesMax && (transformer.type === "json" || transformer.type === "lines"))
        return atOnce(transformer.type, input);
      const job = async (): Promise<Job | JobAnswer> => {
        const read = await input.read();
        return read.ok ? jobOf(transformer, read.stdout) : read;
      };
      return threads.run(teamId, job, signal);
    },

    async check(teamId, transformer: EndpointTransformer) {
      if (transformer.type !== "jsonata") return undefined;
      const answer = await threads.run(teamId, { kind: "jsonata-check", expression: transformer.expression });
      return answer.ok ? undefined : answer.message;
    },
  };
}

async function atOnce(type: "json" | "lines", input: TransformInput): Promise<JobAnswer> {
  const read = await input.read();
  if (!read.ok) return read;
  return type === "json" ? passJson(read.stdout) : linesOf(read.stdout);
}

function jobOf(transformer: EndpointTransformer, stdout: Uint8Array): Job {
  switch (transformer.type) {
    case "json":
    case "lines":
      return { kind: transformer.type, stdout };
    case "regex": {
      const { pattern, flags = "", all } = transformer;
      return { kind: "regex", pattern, flags, all, stdout };
    }
    case "jsonata":
      return { kind: "jsonata", expression: transformer.expression, stdout };
  }
}
