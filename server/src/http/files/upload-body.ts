import { markPassing } from "../../lib/passing-bytes.ts";
import { ClientGoneError } from "../read-body.ts";
import type { Exchange, UploadBody } from "../route.ts";
import { discardRest } from "./discard-rest.ts";

/** Gives a body to `take` as it comes. Where that refuses it, the rest is read on, so that the sender gets the answer. */
export async function takeUpload<T>(exchange: Exchange, take: (body: UploadBody) => Promise<T>): Promise<T> {
  const body = exchange.takeBody();
  try {
    return await take(body);
  } catch (error) {
    if (!(error instanceof ClientGoneError) && !(await discardRest(body))) exchange.addHeader("Connection", "close");
    throw error;
  }
}

/** Throws `ClientGoneError` where not all of it comes. */
export async function* bytesOf({ stream, isWhole }: UploadBody): AsyncGenerator<Uint8Array> {
  try {
    // Who stops reading still wants to answer.
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      if (chunk instanceof Uint8Array) markPassing(chunk);
      yield chunk;
    }
  } catch {
    throw new ClientGoneError();
  }
  if (!isWhole()) throw new ClientGoneError();
}
