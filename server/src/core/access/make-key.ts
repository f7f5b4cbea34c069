import type { Role } from "@capsuled/contract";
import type { AccessDeps } from "./deps.ts";
import type { NewKey } from "./service.ts";

/** Random bytes of a key. */
const KEY_BYTES = 20;
/** Characters of a key that are shown in lists. */
const PREFIX_CHARS = 10;

export const KEY_NAME_DEFAULT = "Unnamed API key";

/** A fresh key and its row, not stored yet. */
export function makeKey(deps: Pick<AccessDeps, "ids" | "hash" | "clock">, teamId: string, name: string, role: Role): NewKey {
  const text = `wrn_${deps.ids.hex(KEY_BYTES)}`;
  return {
    text,
    record: {
      id: deps.ids.next("key"),
      teamId,
      name,
      role,
      hash: deps.hash.sha256Hex(text),
      prefix: text.slice(0, PREFIX_CHARS),
      createdAt: deps.clock.now(),
      lastUsedAt: null,
    },
  };
}
