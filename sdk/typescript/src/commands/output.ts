import type { OperationId } from "../contract/operations.ts";
import type { CallOptions, Transport } from "../transport/transport.ts";

export interface OutputOptions extends CallOptions {
  /** `stdout` by default. */
  readonly stream?: "stdout" | "stderr" | undefined;
  /** Offset of the first byte; 0 by default. */
  readonly from?: number | undefined;
  /** Bytes at most; all that there is by default, up to 1 GiB. */
  readonly limit?: number | undefined;
}

/** A range of what was printed. */
export interface OutputRange {
  readonly bytes: Uint8Array;
  /** As text; what is no UTF-8 is U+FFFD. */
  readonly text: string;
  /** Offset of the first byte: later than asked for where earlier ones are not kept any more. */
  readonly from: number;
  /** Offset to go on from. */
  readonly next: number;
  /** Bytes that were asked for and are not kept any more. */
  readonly gap_bytes: number;
  /** Bytes of the stream so far. */
  readonly total: number;
  /** Whether nothing comes after `total`. */
  readonly ended: boolean;
}

/** Reads what a process or a run has printed, as bytes. */
export async function readOutput(
  transport: Transport,
  id: Extract<OperationId, "getProcessOutput" | "getRunOutput">,
  params: Readonly<Record<string, string>>,
  options: OutputOptions,
): Promise<OutputRange> {
  const { stream, from, limit, ...call } = options;
  const { headers, bytes } = await transport.bytes(id, {
    ...call,
    params,
    query: { stream, from, limit },
    headers: { accept: "application/octet-stream" },
  });
  const first = Number(headers.get("x-output-from"));
  return {
    bytes,
    get text() {
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    },
    from: first,
    next: first + bytes.length,
    gap_bytes: Number(headers.get("x-output-gap-bytes")),
    total: Number(headers.get("x-output-total")),
    ended: headers.get("x-output-ended") === "true",
  };
}
