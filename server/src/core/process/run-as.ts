import type { LiveCapsule } from "../capsule/live.ts";
import { invalid } from "../fail.ts";
import type { Ids } from "../ports/clock.ts";
import type { AgentLink, ProcessUser } from "../ports/agent-link.ts";
import type { TemplateSettings } from "../template/settings.ts";
import { StartRefused } from "./service.ts";
import type { CommandInput } from "./spec.ts";
import { findUser } from "./user.ts";

/** What a capsule's template says about a process that says nothing itself. */
export interface RunAs {
  /** Below the capsule's own variables. */
  readonly envs: Readonly<Record<string, string>>;
  /** `undefined`: root's home. */
  readonly cwd: string | undefined;
  readonly mode: { readonly user?: ProcessUser };
}

export const AS_ROOT: RunAs = { envs: {}, cwd: undefined, mode: {} };

/** At once for a capsule whose template says nothing, and for one that was asked before. Throws `invalid_request` for a user that is not there. */
export function runAs(deps: { readonly ids: Ids }, live: LiveCapsule, by: string): RunAs | Promise<RunAs> {
  if (live.settings === null) return AS_ROOT;
  live.runAs ??= asSettingsSay(deps, live.link, live.settings, by).catch((error: unknown) => {
    live.runAs = null;
    throw error instanceof StartRefused ? invalid("template", `says to run as a user that is not there: ${error.message}`) : error;
  });
  return live.runAs;
}

/** Throws `StartRefused` for a user that is not there. */
export async function asSettingsSay(
  deps: { readonly ids: Ids },
  link: AgentLink,
  { user, cwd }: Pick<TemplateSettings, "user" | "cwd">,
  by: string,
): Promise<RunAs> {
  if (user === null) return { envs: {}, cwd: cwd ?? undefined, mode: {} };
  const found = await findUser(deps, link, user, by);
  const { name, home, directory, uid, gid, groups } = found;
  return { envs: { HOME: home, USER: name, LOGNAME: name }, cwd: cwd ?? directory, mode: { user: { uid, gid, groups } } };
}

/** The environment below a command's own variables. */
export function environment(as: RunAs, capsuleEnvs: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return as === AS_ROOT ? capsuleEnvs : { ...as.envs, ...capsuleEnvs };
}

/** The command, in the directory that its template says where it names none. */
export function placed<I extends CommandInput>(input: I, as: RunAs): I {
  return as.cwd === undefined || input.cwd !== undefined ? input : { ...input, cwd: as.cwd };
}
