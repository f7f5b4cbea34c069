import { isUtf8 } from "node:buffer";
import type { outputPage } from "@capsuled/contract";
import type { z } from "zod";
import type { OutputRange } from "../../core/ports/agent-link.ts";

/** A range of a stream as JSON: text where it is a whole one, else base64. `asked` is the offset that was asked for. */
export function renderOutputPage(range: OutputRange, asked: number): z.output<typeof outputPage> {
  const bytes = Buffer.from(range.bytes.buffer, range.bytes.byteOffset, range.bytes.byteLength);
  const isText = isUtf8(bytes);
  return {
    data: bytes.toString(isText ? "utf8" : "base64"),
    encoding: isText ? "utf-8" : "base64",
    from: range.from,
    next: range.next,
    gap_bytes: range.from - asked,
    total: range.total,
    ended: range.ended,
  };
}

/** The same facts as headers. */
export function outputHeaders(range: OutputRange, asked: number): Readonly<Record<string, string>> {
  return {
    "x-output-from": String(range.from),
    "x-output-gap-bytes": String(range.from - asked),
    "x-output-total": String(range.total),
    "x-output-ended": String(range.ended),
  };
}
