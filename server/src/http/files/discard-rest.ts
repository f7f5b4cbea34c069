import type { UploadBody } from "../route.ts";

/** What is read on of an upload that is refused, and thrown away: a client that still sends would lose the answer. */
export const REFUSED_UPLOAD = { bytesMax: 64 * 1024 * 1024, ms: 5000 } as const;

/** Resolves with whether all of the body has come. */
export function discardRest({ stream, isWhole }: UploadBody): Promise<boolean> {
  if (isWhole() && stream.readableLength === 0) return Promise.resolve(true);
  if (stream.destroyed) return Promise.resolve(isWhole());
  return new Promise((resolve) => {
    let left = REFUSED_UPLOAD.bytesMax;
    const over = (): void => {
      clearTimeout(timer);
      stream.off("data", take);
      stream.off("end", over);
      stream.off("close", over);
      resolve(isWhole());
    };
    const take = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left < 0) over();
    };
    const timer = setTimeout(over, REFUSED_UPLOAD.ms);
    stream.on("data", take);
    stream.once("end", over);
    stream.once("close", over);
    stream.resume();
  });
}
