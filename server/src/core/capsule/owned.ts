import { CAPSULE_ID } from "@capsuled/contract";
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
