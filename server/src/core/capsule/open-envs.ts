import { openSettings } from "../template/settings.ts";
import type { Sealer } from "../ports/sealer.ts";
import type { CapsuleRecord } from "./record.ts";

/** Names what a sealed text belongs to, so that it opens nowhere else. */
export const envsContext = (id: string): string => `capsule-envs:${id}`;

/** The variables of every process of a capsule, in the clear: its own over those of its template. */
export function openEnvs(deps: { readonly sealer: Sealer }, record: CapsuleRecord): Readonly<Record<string, string>> {
  return { ...openSettings(deps.sealer, record.sealedSettings, record.id)?.envs, ...ownEnvs(deps, record) };
}

function ownEnvs(deps: { readonly sealer: Sealer }, record: CapsuleRecord): Readonly<Record<string, string>> {
  if (record.sealedEnvs === null) return {};
  const parsed: unknown = JSON.parse(deps.sealer.open(record.sealedEnvs, envsContext(record.id)));
  if (typeof parsed !== "object" || parsed === null) return {};
  return Object.fromEntries(Object.entries(parsed).filter((pair): pair is [string, string] => typeof pair[1] === "string"));
}
