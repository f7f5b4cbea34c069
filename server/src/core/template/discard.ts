import type { TemplateDeps } from "./deps.ts";

/** Removes a template from the host and then its row, unless a capsule is about to begin with it: then upkeep does it later. Resolves with whether it is gone. */
export async function discard(deps: Pick<TemplateDeps, "teamTemplates" | "driver">, id: string): Promise<boolean> {
  await deps.teamTemplates.beginRemoval(id);
  if (await deps.teamTemplates.isAwaited(id)) return false;
  await deps.driver.snapshots?.remove(id);
  await deps.teamTemplates.remove(id);
  return true;
}

/** The same where nobody waits for it: what fails is left to upkeep. */
export async function discardLater(deps: Pick<TemplateDeps, "teamTemplates" | "driver" | "log">, id: string): Promise<void> {
  try {
    await discard(deps, id);
  } catch (error) {
    deps.log.warn({ templateId: id, error }, "a template could not be removed yet; upkeep tries again");
  }
}
