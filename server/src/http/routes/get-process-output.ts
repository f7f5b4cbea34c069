import { LIMITS } from "@capsuled/contract";
import type { OutputRange } from "../../core/ports/agent-link.ts";
import type { OutputInput } from "../../core/process/read-output.ts";
import type { Answer, BodyStream } from "../answer.ts";
import { json } from "../answer.ts";
import { outputHeaders, renderOutputPage } from "../render/output.ts";
import { route } from "../route.ts";

const RAW = "application/octet-stream";

export const getProcessOutput = route("getProcessOutput", async ({ caller, params, query }, { processes }, exchange): Promise<Answer> => {
  const { stream, from } = query;
  const isRaw = exchange.accepts(RAW);
  const limit = query.limit ?? (isRaw ? LIMITS.outputBytesMax : LIMITS.outputPageBytesMax);
  const read = (input: OutputInput): Promise<OutputRange> => processes.output(caller, params.id, params.selector, input);
  const first = await read({ stream, from, limit });
  if (!isRaw) return json(200, renderOutputPage(first, from));
  const length = Math.min(limit, first.total - first.from);
  const headers = { ...outputHeaders(first, from), "content-length": String(length) };
  return {
    status: 200,
    contentType: RAW,
    body: null,
    headers,
    stream: rawBytes(first, length, (offset, left) => read({ stream, from: offset, limit: left })),
  };
});

/** The bytes page by page, so that a slow client holds no more than one. What the journal drops meanwhile breaks the answer off. */
function rawBytes(first: OutputRange, length: number, read: (offset: number, left: number) => Promise<OutputRange>): BodyStream {
  return {
    cancel() {},
    async write(sink) {
      let page = first;
      for (let left = length; left > 0;) {
        if (page.bytes.length === 0 || !(await sink.send(page.bytes))) throw new Error("the output ended before its length");
        left -= page.bytes.length;
        if (left === 0) return;
        const { next } = page;
        page = await read(next, left);
        if (page.from !== next) throw new Error("the output is not kept any more");
      }
    },
  };
}
