import { templateSettings } from "@capsuled/contract";
import type { TemplateSettings } from "@capsuled/contract";
import type { Sealer } from "../ports/sealer.ts";

export type { TemplateSettings } from "@capsuled/contract";

/** Names what sealed settings belong to, so that they open nowhere else. */
const contextOf = (id: string): string => `template-settings:${id}`;

/** The settings for the row of that id: encrypted, since variables may be secrets. `null` where they say nothing. */
export function sealSettings(sealer: Sealer, settings: TemplateSettings | null, id: string): string | null {
  if (settings === null || isEmpty(settings)) return null;
  return sealer.seal(JSON.stringify(settings), contextOf(id));
}

export function openSettings(sealer: Sealer, sealed: string | null, id: string): TemplateSettings | null {
  return sealed === null ? null : templateSettings.parse(JSON.parse(sealer.open(sealed, contextOf(id))));
}

function isEmpty({ envs, user, cwd, startCommand, readyCheck }: TemplateSettings): boolean {
  return Object.keys(envs).length === 0 && user === null && cwd === null && startCommand === null && readyCheck === null;
}
