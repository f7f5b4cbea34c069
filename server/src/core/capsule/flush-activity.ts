import type { CapsuleDeps } from "./deps.ts";

/** Writes the activity that only memory knows, in one batch. The times of a batch that fails are written with the next. */
export async function flushActivity(deps: Pick<CapsuleDeps, "live" | "store">): Promise<number> {
  const entries = [...deps.live.all()]
    .filter((live) => live.lastActiveAt > (live.record.lastActiveAt ?? 0))
    .map((live) => ({ id: live.record.id, lastActiveAt: live.lastActiveAt }));
  if (entries.length === 0) return 0;
  await deps.store.recordActivity(entries);
  for (const { id, lastActiveAt } of entries) {
    const live = deps.live.get(id);
    if (live !== undefined) live.record = { ...live.record, lastActiveAt };
  }
  return entries.length;
}
