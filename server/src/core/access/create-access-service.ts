import { createAuthenticate } from "./authenticate.ts";
import { createKey } from "./create-key.ts";
import { createTeam } from "./create-team.ts";
import type { AccessDeps } from "./deps.ts";
import { ensureFirstTeam } from "./ensure-first-team.ts";
import { createKeyCache } from "./key-cache.ts";
import { revokeKey } from "./revoke-key.ts";
import type { AccessService } from "./service.ts";

/** The use cases of teams and keys on one cache of keys. */
export function createAccessService(given: Omit<AccessDeps, "cache">): AccessService {
  const cache = createKeyCache();
  const deps: AccessDeps = { ...given, cache };
  return {
    authenticate: createAuthenticate(deps),
    listKeys: (principal) => deps.store.listKeys(principal.teamId),
    createKey: (principal, input, intent) => createKey(deps, principal, input, intent),
    revokeKey: (principal, keyId) => revokeKey(deps, principal, keyId),
    // One's own team; the first team's admins see all.
    listTeams: (principal) => deps.store.listTeams(principal.isFirstTeam && principal.role === "admin" ? null : principal.teamId),
    createTeam: (principal, input, intent) => createTeam(deps, principal, input, intent),
    ensureFirstTeam: (save) => ensureFirstTeam(deps, save ?? (async () => {})),
    onRevoked: (listener) => cache.onRevoked(listener),
  };
}
