/** A stream of Node's as one of the web's, at its reader's pace; `read` hears of each piece. */
export function webStream(source: AsyncIterable<unknown>, read: (bytes: number) => void = () => {}): ReadableStream<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next: IteratorResult<unknown> = await chunks.next();
      if (next.done === true) return controller.close();
      const bytes = next.value instanceof Uint8Array ? next.value : Buffer.from(String(next.value));
      read(bytes.length);
      controller.enqueue(bytes);
    },
    async cancel() {
      await chunks.return?.();
    },
  });
}
