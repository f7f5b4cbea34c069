import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { NotificationSender, SendOutcome } from "../core/ports/notification-sender.ts";
import { checkedAddresses, hostOf, lookupOf, orAborted, RefusedAddressError } from "./checked-addresses.ts";
import { failureOf } from "./failure.ts";
import type { Resolve } from "./resolve.ts";
import { retryAfterMs } from "./retry-after.ts";

/** Milliseconds from the first look at the name to the head of the answer. */
export const ATTEMPT_MS = 10_000;
/** What is read of an answer's body, and for how long, so that its sender can end well. */
export const ANSWER_BYTES_MAX = 1024;
export const ANSWER_MS = 1000;

export interface SenderOptions {
  /** Whether private and loopback addresses may be called. */
  readonly allowPrivate: boolean;
  readonly resolve: Resolve;
  /** For tests; `ATTEMPT_MS` by default. */
  readonly attemptMs?: number;
}

const NOT_PUBLIC = "Its host is not an address of the public internet; CAPSULED_NOTIFY_PRIVATE=true allows others.";

/** Posts over connections of their own: nothing that one receiver leaves behind reaches another. */
export function createSender(options: SenderOptions): NotificationSender {
  return {
    async post(text, headers, body, signal) {
      const url = URL.parse(text);
      if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
        return { kind: "refused", message: "It is not an http or https URL." };
      const expiry = AbortSignal.timeout(options.attemptMs ?? ATTEMPT_MS);
      const both = AbortSignal.any([signal, expiry]);
      try {
        const addresses = await orAborted(checkedAddresses(options, hostOf(url)), both);
        return await orAborted(exchange(url, addresses, headers, body, both), both);
      } catch (error) {
        if (error instanceof RefusedAddressError) return { kind: "refused", message: NOT_PUBLIC };
        if (expiry.aborted) return { kind: "unanswered", message: `No answer within ${(options.attemptMs ?? ATTEMPT_MS) / 1000} s.` };
        return { kind: "unanswered", message: describe(error) };
      }
    },
  };
}

/** One request and the head of its answer. */
function exchange(
  url: URL,
  addresses: readonly string[],
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const answer = Promise.withResolvers<SendOutcome>();
  const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, {
    method: "POST",
    agent: false,
    headers: { ...headers, "content-length": Buffer.byteLength(body), connection: "close" },
    lookup: lookupOf(addresses),
    signal,
  });
  request.on("response", (response) => {
    const status = response.statusCode ?? 0;
    answer.resolve({ kind: "answered", status, retryAfterMs: retryAfterMs(response.headers["retry-after"], Date.now()) });
    drain(response);
  });
  request.on("error", answer.reject);
  // An answer of 101 has no use here.
  request.on("upgrade", (_response, socket) => {
    socket.destroy();
    answer.reject(new Error("It answered with an upgrade."));
  });
  request.end(body);
  return answer.promise;
}

/** Reads a little of an answer's body, so that its sender can end well, and lets go of the rest. */
function drain(response: IncomingMessage): void {
  let left = ANSWER_BYTES_MAX;
  const late = setTimeout(() => response.destroy(), ANSWER_MS);
  late.unref();
  response.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) response.destroy();
  });
  response.on("close", () => clearTimeout(late));
  response.on("error", () => {});
}

/** The reason of a failure, in a sentence for the endpoint's owner where there are words for it. */
function describe(error: unknown): string {
  const { words, code, message } = failureOf(error);
  if (words !== undefined) return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
  if (message === undefined) return "The request failed.";
  return code === undefined ? message : `${code}: ${message}`;
}
