import type { ServerResponse } from "node:http";

/** A signal that aborts when the connection closes before the answer was written whole. */
export function signalOfClientGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  if (response.destroyed) controller.abort();
  else {
    response.once("close", () => {
      if (!response.writableFinished) controller.abort();
    });
  }
  return controller.signal;
}
