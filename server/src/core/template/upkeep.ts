import { discard } from "./discard.ts";
import type { TemplateDeps } from "./deps.ts";

/**
 * Settles what acts on templates left: halves of those whose making was cut off, deleted ones that were awaited, and what is on the host
 * without a row. Resolves with the ids of what has gone.
 */
export async function tendTemplates(deps: TemplateDeps): Promise<readonly string[]> {
  const { teamTemplates: rows, hostId, makingTemplates: making } = deps;
  const stale = [
    ...(await rows.listOnHost(hostId, { state: "removing" })),
    ...(await rows.listOnHost(hostId, { state: "making" })),
    ...(await rows.listOnHost(hostId, { kind: "fork" })),
  ];
  const gone: string[] = [];
  for (const id of new Set(stale.map((record) => record.id))) {
    if (!making.has(id) && (await attempt(deps, id, () => discard(deps, id)))) gone.push(id);
  }
  return [...gone, ...(await removeStrays(deps))];
}

/** What the host has and no row accounts for. Listed first: a row is always written before there is anything on the host. */
async function removeStrays(deps: TemplateDeps): Promise<readonly string[]> {
  const { snapshots } = deps.driver;
  if (snapshots === null) return [];
  const found = await snapshots.list();
  if (found.length === 0) return [];
  const known = await deps.teamTemplates.idsOnHost(deps.hostId);
  const gone: string[] = [];
  for (const id of found) {
    if (known.has(id) || deps.makingTemplates.has(id)) continue;
    if (
      await attempt(deps, id, async () => {
        await snapshots.remove(id);
        return true;
      })
    )
      gone.push(id);
  }
  return gone;
}

async function attempt(deps: TemplateDeps, id: string, act: () => Promise<boolean>): Promise<boolean> {
  try {
    return await act();
  } catch (error) {
    deps.log.warn({ templateId: id, error }, "a template could not be removed; the next look tries again");
    return false;
  }
}
