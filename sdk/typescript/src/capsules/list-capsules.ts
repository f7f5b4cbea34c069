import type { Capsule as CapsuleFacts, CapsulePage } from "../contract/schemas.ts";
import { itemsOf } from "../transport/pages.ts";
import type { Transport } from "../transport/transport.ts";
import type { ListOptions } from "./capsule-options.ts";

const PAGE_SIZE_DEFAULT = 100;

/** Every capsule that is wanted, newest first. */
export function listCapsules(transport: Transport, options: ListOptions): AsyncGenerator<CapsuleFacts, void, undefined> {
  const { status, metadata = {}, pageSize = PAGE_SIZE_DEFAULT, signal, requestTimeoutMs } = options;
  const labels = Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`metadata.${name}`, value]));
  return itemsOf((cursor) =>
    transport.json<CapsulePage>("listCapsules", { query: { limit: pageSize, cursor, status, ...labels }, signal, requestTimeoutMs }),
  );
}
