import { CAPSULE_ID, LIMITS } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import { fail } from "../fail.ts";
import type { CapsuleRecord } from "./record.ts";
import type { CapsuleStore } from "./store.ts";

/** The answer for a capsule that is not there, is another team's, or whose id is malformed: one and the same. */
export function noCapsule(): Error {
  return fail("not_found", "There is no capsule with this id.");
}

/** The caller's own capsule. Throws `not_found`. */
export async function ownedCapsule(store: CapsuleStore, principal: Principal, id: string): Promise<CapsuleRecord> {
  if (!CAPSULE_ID.test(id)) throw noCapsule();
  const record = await store.find(id);
  if (record === undefined || record.teamId !== principal.teamId) throw noCapsule();
  return record;
}

/** The id of the caller's capsule of this name. What no row can hold is asked of none. */
export async function findNamedId(store: CapsuleStore, { teamId }: Principal, name: string): Promise<string | undefined> {
  if (name === "" || name.length > LIMITS.nameCharsMax || name.includes("\0") || !name.isWellFormed()) return undefined;
  return (await store.findNamed(teamId, name))?.id;
}
