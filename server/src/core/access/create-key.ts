import type { Role } from "@capsuled/contract";
import { fail } from "../fail.ts";
import type { AccessDeps } from "./deps.ts";
import { ACCESS_LIMITS } from "./limits.ts";
import { KEY_NAME_DEFAULT, makeKey } from "./make-key.ts";
import type { Principal } from "./principal.ts";
import type { Intent } from "../idempotency/service.ts";
import type { NewKey } from "./service.ts";

/** For the team's admins; at most 100 keys a team. */
export async function createKey(
  deps: AccessDeps,
  principal: Principal,
  input: { readonly name: string | undefined; readonly role: Role },
  intent?: Intent,
): Promise<NewKey> {
  if (principal.role !== "admin") throw fail("forbidden", "Only an admin key can make keys.");
  const key = makeKey({ ...deps, ids: intent?.ids ?? deps.ids }, principal.teamId, input.name ?? KEY_NAME_DEFAULT, input.role);
  const made = intent?.stage === "continued" ? await deps.store.findKeyByHash(key.record.hash) : undefined;
  if (made !== undefined) return { ...key, record: made.key };
  if (!(await deps.store.insertKey(key.record, ACCESS_LIMITS.teamKeysMax))) {
    throw fail("quota_exceeded", `A team has at most ${ACCESS_LIMITS.teamKeysMax} keys; revoke one first.`, {
      details: { resource: "keys", limit: ACCESS_LIMITS.teamKeysMax },
    });
  }
  return key;
}
