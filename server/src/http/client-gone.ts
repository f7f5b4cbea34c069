import type { ServerResponse } from "node:http";

/**
 * A signal that aborts when the connection closes before the answer was written whole. Where this server closed it, at the end of its
 * time, no client has gone: what the request began is left to its own limits.
 */
export function signalOfClientGone(response: ServerResponse, isCutOff: () => boolean): AbortSignal {
  const controller = new AbortController();
  if (response.destroyed) {
    if (!isCutOff()) controller.abort();
  } else {
    response.once("close", () => {
      if (!response.writableFinished && !isCutOff()) controller.abort();
    });
  }
  return controller.signal;
}
