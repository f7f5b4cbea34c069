/** What runs in a thread: one job after another, each answered by one message. */
import { parentPort } from "node:worker_threads";
import type { Job, JobAnswer } from "./job.ts";
import { READY } from "./job.ts";
import { checkExpression, evaluateExpression } from "./jsonata.ts";
import { matchRegex } from "./regex.ts";
import { readYaml } from "./yaml.ts";

async function perform(job: Job): Promise<JobAnswer> {
  try {
    switch (job.kind) {
      case "regex":
        return matchRegex(job);
      case "jsonata":
        return await evaluateExpression(job.expression, job.stdout);
      case "jsonata-check":
        return checkExpression(job.expression);
      case "file":
        return { ok: true, json: JSON.stringify(readYaml(job.text)) };
    }
  } catch (error) {
    return { ok: false, message: error instanceof RangeError ? "it is nested too deeply, or too large" : "it could not be worked on" };
  }
}

parentPort?.on("message", (job: Job) => {
  void perform(job).then((answer) => parentPort?.postMessage(answer));
});
parentPort?.postMessage(READY);
