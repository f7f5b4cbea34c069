import { isUtf8 } from "node:buffer";
import { completeLength } from "../../core/process/text.ts";
import { RUN_BEGIN } from "../../core/run/output.ts";
import type { RunHandle } from "../../core/run/service.ts";
import type { Answer } from "../answer.ts";

/** Milliseconds of one wait; the run has ended, so there is nothing to wait for but its file. */
const WAIT_MS = 10_000;
const NOTHING = Buffer.alloc(0);

/**
 * An ended run's result in one object whose output is read as it is written, so that a client which takes it slowly holds no more of
 * it than a piece. `facts` are the object's other fields; `leave` is called once, when it is over.
 */
export async function jsonOutput(handle: RunHandle, bytesMax: number, facts: object, leave: () => void): Promise<Answer> {
  const isText = await isAllText(handle, bytesMax).catch((error: unknown) => {
    leave();
    throw error;
  });
  return {
    status: 200,
    contentType: "application/json; charset=utf-8",
    body: null,
    headers: null,
    stream: {
      cancel: leave,
      async write(sink) {
        try {
          const encoder = isText ? new TextPieces() : new Base64Pieces();
          let isTruncated = false;
          if (!(await sink.send('{"output":"'))) return;
          for await (const piece of headPieces(handle, bytesMax)) {
            if (piece.isCut) isTruncated = true;
            else if (!(await sink.send(encoder.push(piece.bytes)))) return;
          }
          const rest = { ...(isText ? {} : { output_encoding: "base64" }), ...(isTruncated ? { output_truncated: true } : {}), ...facts };
          await sink.send(`${encoder.end()}",${JSON.stringify(rest).slice(1)}`);
        } finally {
          leave();
        }
      },
    },
  };
}

/** Whether the head of the output is UTF-8; a bound may cut its last character. */
async function isAllText(handle: RunHandle, bytesMax: number): Promise<boolean> {
  let rest: Uint8Array = NOTHING;
  let isTruncated = false;
  for await (const piece of headPieces(handle, bytesMax)) {
    if (piece.isCut) isTruncated = true;
    else {
      const bytes = rest.length === 0 ? piece.bytes : Buffer.concat([rest, piece.bytes]);
      const length = completeLength(bytes);
      if (!isUtf8(bytes.subarray(0, length))) return false;
      rest = Uint8Array.from(bytes.subarray(length));
    }
  }
  return isTruncated || rest.length === 0;
}

type HeadPiece = { readonly isCut: false; readonly bytes: Uint8Array } | { readonly isCut: true };

/** The head of both streams in order; a cut, or what is not kept, is told last. */
async function* headPieces(handle: RunHandle, bytesMax: number): AsyncGenerator<HeadPiece> {
  const reader = handle.read(RUN_BEGIN);
  let left = bytesMax;
  let isCut = false;
  try {
    for (let item = await reader.next(WAIT_MS); item !== undefined && item.kind !== "end"; item = await reader.next(WAIT_MS)) {
      if (item.kind === "gap") isCut = true;
      if (item.kind !== "output") continue;
      if (item.bytes.length > left) isCut = true;
      if (left > 0) yield { isCut: false, bytes: item.bytes.subarray(0, left) };
      left -= Math.min(left, item.bytes.length);
      if (left === 0 && isCut) break;
    }
  } finally {
    reader.close();
  }
  if (isCut) yield { isCut: true };
}

/** Text as it stands in a JSON string, never cut within a character. */
class TextPieces {
  #rest: Uint8Array = NOTHING;

  push(piece: Uint8Array): string {
    const bytes = Buffer.concat([this.#rest, piece]);
    const length = completeLength(bytes);
    this.#rest = Uint8Array.from(bytes.subarray(length));
    return inJson(bytes.toString("utf8", 0, length));
  }

  /** A character that the bound has cut is left out. */
  end(): string {
    return "";
  }
}

class Base64Pieces {
  #rest: Uint8Array = NOTHING;

  push(piece: Uint8Array): string {
    const bytes = Buffer.concat([this.#rest, piece]);
    const length = bytes.length - (bytes.length % 3);
    this.#rest = Uint8Array.from(bytes.subarray(length));
    return bytes.toString("base64", 0, length);
  }

  end(): string {
    return Buffer.from(this.#rest).toString("base64");
  }
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
