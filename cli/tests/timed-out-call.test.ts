import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fakeServer } from "../../sdk/typescript/testing/fake-server.ts";

const CLI = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const RUN = "run-0c3n5yq1r9s8t7u6v5w4x3y2z";

/** How `endpoints call` exits where the stream ends with an error of that reason. */
async function exitOfCall(reason: string): Promise<number | null> {
  const error = JSON.stringify({ type: "error", error: "It ended.", run_id: RUN, reason });
  const body = `id: ${RUN}.0.0.end\ndata: ${error}\n\n`;
  await using server = await fakeServer({
    answer: () => ({ headers: { "content-type": "text/event-stream", "capsuled-version": "0.1.0" }, body }),
  });
  const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", CAPSULED_URL: server.url, CAPSULED_API_KEY: "wrn_x" };
  const child = spawn(process.execPath, [CLI, "endpoints", "call", "team/slow"], { env, stdio: ["ignore", "ignore", "pipe"] });
  const stderr: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  await once(child, "close");
  assert.equal(Buffer.concat(stderr).toString(), "capsuled: It ended.\n");
  return child.exitCode;
}

test("a call whose command ran out of time exits with 124, as `run --timeout` does, and one that failed otherwise with 1", async () => {
  assert.equal(await exitOfCall("timed_out"), 124);
  assert.equal(await exitOfCall("cancelled"), 1);
});
