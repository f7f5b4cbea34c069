import { TEMPLATE_NAME } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import { fail, invalid } from "../fail.ts";
import { discardLater } from "./discard.ts";
import type { TemplateDeps } from "./deps.ts";

/** Deletes the team's template of that name: gone for callers at once, and from the disk when no capsule is about to begin with it. */
export async function removeTemplate(deps: TemplateDeps, principal: Principal, name: string): Promise<void> {
  if (!TEMPLATE_NAME.test(name)) throw invalid("name", "must be a template's name");
  const record = await deps.teamTemplates.findNamed(principal.teamId, name);
  if (record === undefined) {
    if ((await deps.templates.find(name)) !== undefined)
      throw fail("forbidden", `${JSON.stringify(name)} is a template that every team has.`);
    throw fail("not_found", "There is no template of that name.");
  }
  await deps.teamTemplates.beginRemoval(record.id);
  await discardLater(deps, record.id);
}
