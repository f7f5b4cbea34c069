import type { Operation } from "@capsuled/contract";
import type { Principal } from "../core/access/principal.ts";
import type { AccessService } from "../core/access/service.ts";
import { fail } from "../core/fail.ts";

/** Characters of the longest header that is looked at as a key. */
const KEY_CHARS_MAX = 100;

/**
 * The caller of an operation, `null` where none is needed. Throws `unauthorized`, and `forbidden` for a role that
 * does not suffice. A promise only where the access service has to ask its store.
 */
export function admit(
  access: AccessService,
  operation: Operation,
  keyText: string | readonly string[] | undefined,
): Principal | null | Promise<Principal> {
  if (operation.auth === "none") return null;
  if (typeof keyText !== "string" || keyText.length === 0 || keyText.length > KEY_CHARS_MAX) throw fail("unauthorized");
  const found = access.authenticate(keyText);
  return found instanceof Promise ? found.then((principal) => checked(operation, principal)) : checked(operation, found);
}

function checked(operation: Operation, principal: Principal | undefined): Principal {
  if (principal === undefined) throw fail("unauthorized");
  if (operation.auth === "admin" && principal.role !== "admin") throw fail("forbidden");
  return principal;
}
