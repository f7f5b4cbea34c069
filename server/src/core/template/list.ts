import type { Principal } from "../access/principal.ts";
import type { TemplateDeps } from "./deps.ts";
import type { TemplateView } from "./service.ts";
import { platformView, viewOf } from "./view.ts";

/** The team's own, newest first, then those that every team has and that are built. */
export async function listTemplates(deps: TemplateDeps, principal: Principal, type: string | null): Promise<readonly TemplateView[]> {
  const own = (await deps.teamTemplates.list(principal.teamId)).map((record) => viewOf(deps, record));
  const platform = (await deps.templates.list()).flatMap((template) => platformView(template) ?? []);
  return [...own, ...platform].filter((view) => type === null || view.type === type);
}
