import { ImageError } from "../../core/ports/images.ts";
import { IMAGE_LIMITS } from "../limits.ts";
import type { AnswerBody } from "./http-get.ts";

/** A body as a whole. Throws `too_big` where it is longer than `bytesMax`. */
export async function readBounded(body: AnswerBody, bytesMax: number, signal: AbortSignal): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of unstalled(body, signal)) {
    bytes += piece.length;
    if (bytes > bytesMax) throw new ImageError("too_big", `A registry's answer is longer than ${bytesMax} bytes.`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** A body's pieces. Throws `unreachable` where one does not come in time or the body breaks off; the body is let go of in any case. */
export async function* unstalled(body: AnswerBody, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await inTime(pieces.next(), signal);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    body.destroy();
  }
}

async function inTime<T>(piece: Promise<T>, signal: AbortSignal): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new ImageError("unreachable", `The registry sent nothing for ${IMAGE_LIMITS.stallMs / 1000} s.`)),
    IMAGE_LIMITS.stallMs,
  );
  try {
    return await Promise.race([piece, late.promise]);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof ImageError ? error : new ImageError("unreachable", "The registry broke its answer off.", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
