import type { Sealer } from "../ports/sealer.ts";
import type { TemplateStore } from "../ports/templates.ts";
import type { TemplateSettings } from "./settings.ts";
import { openSettings } from "./settings.ts";
import type { TemplateRows } from "./store.ts";

/** What a capsule of a template begins with, and what it gets unless it says otherwise. */
export interface ResolvedTemplate {
  /** `null` is a template that every team has. */
  readonly snapshotId: string | null;
  readonly vcpus: number | null;
  readonly memoryMb: number | null;
  readonly diskMb: number | null;
  /** What it says about processes; `null` is nothing. */
  readonly settings: TemplateSettings | null;
}

const PLAIN: ResolvedTemplate = { snapshotId: null, vcpus: null, memoryMb: null, diskMb: null, settings: null };

/** Templates by the names that the documented client gives them. */
const DOCUMENTED_NAMES: ReadonlyMap<string, string> = new Map([
  ["code-runner-beta", "code-interpreter"],
  ["minimal-ubuntu", "minimal"],
]);

/** The template of that name as a team sees it: its own first. `undefined` when there is none. */
export async function resolveTemplate(
  deps: {
    readonly teamTemplates: Pick<TemplateRows, "findNamed">;
    readonly templates: Pick<TemplateStore, "find">;
    readonly sealer: Sealer;
  },
  teamId: string,
  name: string,
): Promise<ResolvedTemplate | undefined> {
  const own = await deps.teamTemplates.findNamed(teamId, name);
  if (own !== undefined) {
    const { id, vcpus, memoryMb, diskMb } = own;
    return { snapshotId: id, vcpus, memoryMb, diskMb, settings: openSettings(deps.sealer, own.sealedSettings, id) };
  }
  const shared = await deps.templates.find(name);
  if (shared === undefined || shared.startCommand === null) return shared === undefined ? undefined : PLAIN;
  const { cmd, args } = shared.startCommand;
  return { ...PLAIN, settings: { envs: {}, user: null, cwd: null, startCommand: { cmd, args: [...args] }, readyCheck: null } };
}

/** As `resolveTemplate`; where there is none of that name, the one that the documented client means by it. With its own name. */
export async function resolveDocumented(
  deps: Parameters<typeof resolveTemplate>[0],
  teamId: string,
  name: string,
): Promise<{ readonly name: string; readonly template: ResolvedTemplate } | undefined> {
  for (const tried of [name, DOCUMENTED_NAMES.get(name)]) {
    const template = tried === undefined ? undefined : await resolveTemplate(deps, teamId, tried);
    if (tried !== undefined && template !== undefined) return { name: tried, template };
  }
  return undefined;
}
