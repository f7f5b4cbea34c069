import type { Principal } from "../access/principal.ts";
import { invalid } from "../fail.ts";
import type { CapsuleDeps } from "./deps.ts";
import { PUBLIC_STATUS } from "./machine.ts";
import type { CapsuleRecord } from "./record.ts";
import type { CapsuleList, ListInput } from "./service.ts";
import type { CapsuleState } from "./state.ts";
import { CAPSULE_STATES } from "./state.ts";
import type { CapsuleListFilter } from "./store.ts";

/** Items of the plain form, and of a page at most. */
export const LIST_MAX = 1000;

/** The team's capsules, newest first; destroyed ones are left out. */
export async function listCapsules(deps: CapsuleDeps, principal: Principal, input: ListInput): Promise<CapsuleList> {
  const limit = Math.min(input.limit ?? (input.cursor === null ? LIST_MAX : 100), LIST_MAX);
  const rows = await deps.store.list({
    teamId: principal.teamId,
    states: CAPSULE_STATES.filter((state) => isListed(state) && (input.status === null || PUBLIC_STATUS[state] === input.status)),
    metadata: input.metadata,
    limit: limit + 1,
    after: input.cursor === null ? null : parseCursor(input.cursor),
  });
  const items = rows.slice(0, limit).map((record) => withActivity(deps, record));
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? renderCursor(last) : null };
}

const isListed = (state: CapsuleState): boolean => state !== "destroyed" && state !== "destroying";

/** The row with the activity that has not been written yet. */
export function withActivity(deps: Pick<CapsuleDeps, "live">, record: CapsuleRecord): CapsuleRecord {
  const live = deps.live.get(record.id);
  return live === undefined || live.lastActiveAt <= (record.lastActiveAt ?? 0) ? record : { ...record, lastActiveAt: live.lastActiveAt };
}

function renderCursor(last: CapsuleRecord): string {
  return `${last.createdAt.toString(36)}.${last.id}`;
}

function parseCursor(cursor: string): NonNullable<CapsuleListFilter["after"]> {
  const match = /^([0-9a-z]{1,11})\.(cl-[0-9a-z]{25})$/.exec(cursor);
  const [, time, id] = match ?? [];
  if (time === undefined || id === undefined) throw invalid("cursor", "must be a next_cursor of this list");
  return { createdAt: Number.parseInt(time, 36), id };
}
