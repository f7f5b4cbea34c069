import { connectionFailure } from "./failure.ts";
import { reasonOf } from "./timing.ts";

/** An answer's body, piece by piece, whose breaking off is a `ConnectionError`: runtimes say it in their own ways. */
export function bodyOf(response: Response, url: string, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await reader?.read();
        if (next === undefined || next.done) controller.close();
        else controller.enqueue(next.value);
      } catch (error) {
        throw signal?.aborted === true ? reasonOf(signal) : connectionFailure(error, url);
      }
    },
    async cancel(reason) {
      await reader?.cancel(reason);
    },
  });
}
