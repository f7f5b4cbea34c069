import { fail } from "../fail.ts";
import type { TemplateDeps } from "./deps.ts";
import type { TemplateUse } from "./store.ts";

const MIB = 1024 * 1024;

/** Throws `quota_exceeded` where the team has as many templates as it may, or they take as much as they may. */
export async function requireQuota(deps: TemplateDeps, teamId: string): Promise<void> {
  const { teamTemplatesMax: max } = deps.templateLimits;
  const use = await deps.teamTemplates.use(teamId);
  if (max > 0 && use.count >= max)
    throw fail("quota_exceeded", `The team has ${use.count} templates, its limit is ${max}: delete one.`, { details: { limit: max } });
  requireBytes(deps, use, 0);
}

/** The same with what a new one takes. `use` is that without it. */
export function requireBytes(deps: TemplateDeps, use: TemplateUse, more: number): void {
  const { teamTemplatesMb: max } = deps.templateLimits;
  const bytes = use.bytes + more;
  if (max === 0 || (more === 0 ? bytes < max * MIB : bytes <= max * MIB)) return;
  const takes = Math.ceil(bytes / MIB);
  throw fail("quota_exceeded", `The team's templates would take ${takes} MiB, their limit is ${max}: delete one.`, {
    details: { limit_mb: max },
  });
}
