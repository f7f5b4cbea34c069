import { fail, invalid } from "../fail.ts";
import type { AccessDeps } from "./deps.ts";
import { ACCESS_LIMITS } from "./limits.ts";
import { makeKey } from "./make-key.ts";
import type { Principal } from "./principal.ts";
import type { Intent } from "../idempotency/service.ts";
import type { NewKey } from "./service.ts";
import { isReserved, slugFrom, withSuffix } from "./slug.ts";
import type { TeamRecord } from "./store.ts";

/** Tries to find a free slug where none was asked for. */
const SLUG_TRIES_MAX = 5;

/** For the first team's admins: a team with its first admin key. */
export async function createTeam(
  given: AccessDeps,
  principal: Principal,
  input: { readonly name: string; readonly slug: string | undefined },
  intent?: Intent,
): Promise<{ readonly team: TeamRecord; readonly key: NewKey }> {
  const deps = intent === undefined ? given : { ...given, ids: intent.ids };
  if (principal.role !== "admin" || !principal.isFirstTeam) throw fail("forbidden", "Only an admin key of the first team can make teams.");
  if (input.slug !== undefined && isReserved(input.slug)) throw invalid("slug", "is a word of the API; choose another one");
  if ((await deps.store.countTeams()) >= ACCESS_LIMITS.teamsMax) {
    throw fail("quota_exceeded", `An installation has at most ${ACCESS_LIMITS.teamsMax} teams.`, {
      details: { resource: "teams", limit: ACCESS_LIMITS.teamsMax },
    });
  }
  for (const slug of slugsToTry(deps, input)) {
    const team: TeamRecord = { id: deps.ids.next("team"), name: input.name, slug, isFirst: false, createdAt: deps.clock.now() };
    const key = makeKey(deps, team.id, "First admin key", "admin");
    const made = intent?.stage === "continued" ? await deps.store.findKeyByHash(key.record.hash) : undefined;
    if (made !== undefined) return { team: made.team, key: { ...key, record: made.key } };
    if (await deps.store.insertTeam(team, key.record)) return { team, key };
  }
  throw fail("conflict", "A team has this slug already; choose another one.", { details: { field: "slug" } });
}

/** The slug that was asked for and no other; else the name's, then that with something random. */
function* slugsToTry(deps: AccessDeps, input: { readonly name: string; readonly slug: string | undefined }): Iterable<string> {
  if (input.slug !== undefined) {
    yield input.slug;
    return;
  }
  const slug = slugFrom(input.name);
  yield slug;
  for (let tries = 1; tries < SLUG_TRIES_MAX; tries += 1) yield withSuffix(slug, deps.ids.hex(3));
}
