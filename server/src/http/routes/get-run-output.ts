import { LIMITS } from "@capsuled/contract";
import { fail } from "../../core/fail.ts";
import { isEnded } from "../../core/run/record.ts";
import type { RunHandle } from "../../core/run/service.ts";
import type { Answer, BodyStream } from "../answer.ts";
import { json } from "../answer.ts";
import type { StreamPage } from "../calls/output-so-far.ts";
import { pageOf, totalOf } from "../calls/output-so-far.ts";
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
  const length = Math.min(limit, Math.max(0, first.total - first.from));
  return {
    status: 200,
    contentType: RAW,
    body: null,
    headers: { ...outputHeaders(first, from), "content-length": String(length) },
    stream: rawBytes(handle, stream, first, length),
  };
});

/** The bytes page by page, so that a slow client holds no more than one. What is lost on the way breaks the answer off. */
function rawBytes(handle: RunHandle, stream: "stdout" | "stderr", first: StreamPage, length: number): BodyStream {
  return {
    cancel() {},
    async write(sink) {
      let page = first;
      for (let left = length; left > 0;) {
        const bytes = page.bytes.subarray(0, left);
        if (bytes.length === 0 || !(await sink.send(bytes))) throw new Error("the output ended before its length");
        left -= bytes.length;
        if (left === 0) return;
        const { next } = page;
        page = await pageOf(handle, stream, next, Math.min(left, LIMITS.outputPageBytesMax));
        if (page.from !== next) throw new Error("the output is not kept any more");
      }
    },
  };
}
