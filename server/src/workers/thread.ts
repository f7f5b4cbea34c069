/** What runs in a thread: one job after another, each answered by one message. */
import { parentPort } from "node:worker_threads";
import type { Job, JobAnswer } from "./job.ts";
import { faulty, READY } from "./job.ts";
import { passJson } from "./json.ts";
import { checkExpression, evaluateExpression } from "./jsonata.ts";
import { linesOf } from "./lines.ts";
import { matchRegex } from "./regex.ts";
import { readYaml } from "./yaml.ts";

async function perform(job: Job): Promise<JobAnswer> {
  try {
    switch (job.kind) {
      case "json":
        return passJson(job.stdout);
      case "lines":
        return linesOf(job.stdout);
      case "regex":
        return matchRegex(job);
      case "jsonata":
        return await evaluateExpression(job.expression, job.stdout);
      case "jsonata-check":
        return checkExpression(job.expression);
      case "file":
        return { ok: true, json: new TextEncoder().encode(JSON.stringify(readYaml(job.text))) };
    }
  } catch (error) {
    return faulty(error instanceof RangeError ? "it is nested too deeply, or too large" : "it could not be worked on");
  }
}

parentPort?.on("message", (job: Job) => {
  void perform(job).then((answer) => {
    // What is written is handed over, not copied.
    const handed = answer.ok && answer.json.buffer instanceof ArrayBuffer ? [answer.json.buffer] : [];
    parentPort?.postMessage(answer, handed);
  });
});
parentPort?.postMessage(READY);
