import type { Capsule as CapsuleFacts } from "../contract/schemas.ts";
import { CapsuleBootError, CapsuledError } from "../errors.ts";
import { sleep } from "../transport/timing.ts";
import type { CallOptions, Transport } from "../transport/transport.ts";
import { destroyAbandoned, makeCapsules } from "./abandoned.ts";
import type { CreateOptions } from "./capsule-options.ts";

export const WAIT_MS_DEFAULT = 120_000;
/** Milliseconds that one request waits at most, and those between two looks. */
const REQUEST_WAIT_MS = 20_000;
const LOOK_EVERY_MS = 250;
/** The same of the first request where somebody wants to hear of it. */
const TOLD_WAIT_MS = 1_000;

/** Creates a capsule and waits until it runs. One that does not come to run is destroyed, and one whose making is aborted. */
export async function createCapsule(transport: Transport, options: CreateOptions): Promise<CapsuleFacts> {
  const {
    waitMs = WAIT_MS_DEFAULT,
    onWaiting,
    onConflict,
    signal,
    requestTimeoutMs,
    idempotencyKey,
    url: _,
    apiKey: _1,
    retryForMs: _2,
    fetch: _3,
    WebSocket: _4,
    warn: _5,
    onConnection: _6,
    ...body
  } = options;
  const request = {
    body: { ...body, wait_ms: Math.min(waitMs, onWaiting === undefined ? REQUEST_WAIT_MS : TOLD_WAIT_MS) },
    query: { on_conflict: onConflict },
    signal,
    requestTimeoutMs,
    idempotencyKey,
  };
  // One that may have been there before is not this call's to destroy.
  const created =
    onConflict === "return"
      ? await transport.json<CapsuleFacts>("createCapsule", request)
      : await makeCapsules<CapsuleFacts>(transport, "createCapsule", request, ({ id }) => [id]);
  if (waitMs === 0) return created;
  try {
    return await untilRunning(transport, created, waitMs, { signal }, onWaiting);
  } catch (error) {
    const left = onConflict === "return" ? [] : await destroyAbandoned(transport, [created.id], signal);
    if (left.length === 0 || error instanceof CapsuleBootError || !(error instanceof CapsuledError)) throw error;
    throw new CapsuleBootError(`The capsule ${created.id} was made, and neither seen to run nor destroyed: ${error.message}`, created, {
      cause: error,
    });
  }
}

/** Waits until a capsule runs; throws a `CapsuleBootError` where it does not come to. */
export async function untilRunning(
  transport: Transport,
  first: CapsuleFacts,
  waitMs: number,
  options: CallOptions,
  onWaiting: (info: CapsuleFacts) => void = () => {},
): Promise<CapsuleFacts> {
  const until = performance.now() + waitMs;
  for (let capsule = first; ;) {
    switch (capsule.status) {
      case "running":
        return capsule;
      case "pending":
      case "starting":
        break;
      case "paused":
      case "stopped":
      case "error":
        throw new CapsuleBootError(`The capsule ${capsule.id} does not run, it is ${capsule.status}${why(capsule)}`, capsule);
    }
    if (performance.now() > until)
      throw new CapsuleBootError(`The capsule ${capsule.id} is still ${capsule.status} after ${waitMs} ms${why(capsule)}`, capsule);
    onWaiting(capsule);
    await sleep(LOOK_EVERY_MS, options.signal);
    capsule = await transport.json<CapsuleFacts>("getCapsule", { ...options, params: { id: capsule.id } });
  }
}

const why = ({ message }: CapsuleFacts): string => (message === null ? "" : `: ${message}`);
