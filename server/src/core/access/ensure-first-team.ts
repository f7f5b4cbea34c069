import type { AccessDeps } from "./deps.ts";
import { makeKey } from "./make-key.ts";
import type { NewKey } from "./service.ts";
import type { TeamRecord } from "./store.ts";

/**
 * Makes the installation's first team with an admin key, unless there is one. `save` puts the key where its owner finds it, before
 * the team is stored: after a crash between the two the next start makes another key, and never is there a team whose key nobody has.
 * When `undefined` is returned after `save` was called, another server was first and the saved key is none.
 */
export async function ensureFirstTeam(deps: AccessDeps, save: (keyText: string) => Promise<void>): Promise<NewKey | undefined> {
  if ((await deps.store.countTeams()) > 0) return undefined;
  const team: TeamRecord = {
    id: deps.ids.next("team"),
    name: "First team",
    slug: "first-team",
    isFirst: true,
    createdAt: deps.clock.now(),
  };
  const key = makeKey(deps, team.id, "First admin key", "admin");
  await save(key.text);
  return (await deps.store.insertTeam(team, key.record)) ? key : undefined;
}
