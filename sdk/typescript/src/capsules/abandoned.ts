import { NotFoundError } from "../api-errors.ts";
import { randomHex } from "../transport/bytes.ts";
import type { Request, Transport } from "../transport/transport.ts";

/** Milliseconds for which what an aborted call has made is asked for and destroyed. It may take as long as the call itself would have. */
const ABANDONED_FOR_MS = 30_000;

/**
 * Sends a request that makes capsules. Where its caller aborts it and it has the SDK's own key, the same request finds out in the
 * background what it has made, and that is destroyed, as far as the server can be reached: `Client.settled` waits for it. A caller's own
 * key is left to the caller, who can do the same; without a key nobody can tell.
 */
export async function makeCapsules<T>(
  transport: Transport,
  id: "createCapsule" | "forkCapsule",
  request: Request,
  idsOf: (answer: T) => readonly string[],
): Promise<T> {
  const { signal, idempotencyKey } = request;
  const isOurs = idempotencyKey === undefined;
  const named = { ...request, idempotencyKey: isOurs ? `sdk-${randomHex(16)}` : idempotencyKey };
  const wasAborted = isAborted(signal);
  try {
    return await transport.json<T>(id, named);
  } catch (error) {
    if (isOurs && !wasAborted && isAborted(signal)) {
      transport.afterwards(async () => {
        const limit = AbortSignal.timeout(ABANDONED_FOR_MS);
        const again = { ...named, signal: limit, requestTimeoutMs: ABANDONED_FOR_MS, retryForMs: ABANDONED_FOR_MS };
        await destroyAll(transport, idsOf(await transport.json<T>(id, again)), limit);
      });
    }
    throw error;
  }
}

/**
 * Destroys capsules that nobody will hear of; at once where the caller waits for it, in the background where it has aborted. Returns those
 * that could not be destroyed, as far as that is waited for.
 */
export async function destroyAbandoned(
  transport: Transport,
  ids: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const destroyed = (): Promise<readonly string[]> => destroyAll(transport, ids, AbortSignal.timeout(ABANDONED_FOR_MS));
  if (!isAborted(signal)) return destroyed();
  transport.afterwards(async () => void (await destroyed()));
  return [];
}

/** Those that could not be destroyed; one that is gone already is not among them. */
async function destroyAll(transport: Transport, ids: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const left = await Promise.all(
    ids.map((id) =>
      transport.none("destroyCapsule", { params: { id }, signal }).then(
        () => [],
        (error: unknown) => (error instanceof NotFoundError ? [] : [id]),
      ),
    ),
  );
  return left.flat();
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;
