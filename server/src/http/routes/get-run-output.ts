import { LIMITS } from "@capsuled/contract";
import { fail } from "../../core/fail.ts";
import { isEnded } from "../../core/run/record.ts";
import type { RunHandle } from "../../core/run/service.ts";
import type { Answer, BodyStream } from "../answer.ts";
import { json } from "../answer.ts";
import { bytesUntilGap, pageOf, readStream, totalOf } from "../calls/output-so-far.ts";
import { outputHeaders, renderOutputPage } from "../render/output.ts";
import { route } from "../route.ts";

const RAW = "application/octet-stream";

export const getRunOutput = route("getRunOutput", async ({ caller, params, query }, { runs }, exchange): Promise<Answer> => {
  const { stream, from } = query;
  const handle = await runs.get(caller, params.id);
  if (isEnded(handle.run.status) && from > totalOf(handle, stream)) throw fail("invalid_offset");
  const isRaw = exchange.accepts(RAW);
  const limit = query.limit ?? (isRaw ? LIMITS.outputBytesMax : LIMITS.outputPageBytesMax);
  const first = await pageOf(handle, stream, from, Math.min(limit, LIMITS.outputPageBytesMax));
  exchange.addHeader("X-Run-Id", handle.run.id);
  if (!isRaw) return json(200, renderOutputPage(first, from));
  const most = Math.min(limit, Math.max(0, first.total - first.from));
  // Of a run that has ended nothing is lost any more: what is not kept is known, and the answer ends before it.
  const isWhole = !isEnded(handle.run.status) || first.bytes.length === most;
  const length = isWhole ? most : await bytesUntilGap(handle, stream, first.from, most);
  return {
    status: 200,
    contentType: RAW,
    body: null,
    headers: { ...outputHeaders(first, from), "content-length": String(length) },
    stream: rawBytes(handle, stream, first.from, length),
  };
});

/** The bytes as they are read, so that a slow client holds no more than a piece. What is lost on the way breaks the answer off. */
function rawBytes(handle: RunHandle, stream: "stdout" | "stderr", from: number, length: number): BodyStream {
  return {
    cancel() {},
    async write(sink) {
      let left = length;
      if (left === 0) return;
      for await (const piece of readStream(handle, stream, from)) {
        const bytes = piece.subarray(0, left);
        if (!(await sink.send(bytes))) return;
        left -= bytes.length;
        if (left === 0) return;
      }
      throw new Error("the output ended before its length");
    },
  };
}
