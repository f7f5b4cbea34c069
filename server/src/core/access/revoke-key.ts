import { KEY_ID } from "@capsuled/contract";
import { fail } from "../fail.ts";
import type { AccessDeps } from "./deps.ts";
import type { Principal } from "./principal.ts";

/** For the team's admins. On this server the key stops working at once, and its sockets close. */
export async function revokeKey(deps: AccessDeps, principal: Principal, keyId: string): Promise<void> {
  if (principal.role !== "admin") throw fail("forbidden", "Only an admin key can revoke keys.");
  const outcome = KEY_ID.test(keyId) ? await deps.store.removeKey(principal.teamId, keyId) : "absent";
  switch (outcome) {
    case "removed":
      deps.cache.revoke(keyId);
      return;
    case "absent":
      throw fail("not_found", "There is no key with this id.");
    case "last_admin":
      throw fail("conflict", "This is the team's only admin key; make another one first.");
  }
}
