import { createBoundedCache } from "../../lib/bounded-cache.ts";
import { createSingleFlight } from "../../lib/single-flight.ts";
import type { EndpointStore } from "../endpoint/store.ts";
import type { Clock } from "../ports/clock.ts";
import type { AccessStore } from "./store.ts";

/** What is told of teams beside their keys. */
export interface TeamDirectory {
  /** A team's slug, which never changes; a promise only where it was not asked for yet. */
  slugOf(teamId: string): string | Promise<string>;
  /** What a team's badge shows, at most `BADGE_FRESH_MS` old; `undefined` for a slug that is nobody's. */
  badgeFacts(slug: string): Promise<BadgeFacts | undefined>;
}

export interface BadgeFacts {
  readonly publicEndpoints: number;
}

const SLUGS_MAX = 10_000;
/** Badges are looked at by anybody, as often as they like. */
export const BADGE_FRESH_MS = 10_000;
const BADGES_MAX = 1000;
/** Endpoints counted at a time. */
const PAGE = 1000;

interface Deps {
  readonly clock: Clock;
  readonly access: Pick<AccessStore, "findTeam" | "listTeams">;
  readonly endpoints: Pick<EndpointStore, "list">;
}

export function createTeamDirectory({ clock, access, endpoints }: Deps): TeamDirectory {
  const slugs = createBoundedCache<string>({ entriesMax: SLUGS_MAX });
  const badges = createBoundedCache<{ readonly facts: BadgeFacts | undefined; readonly until: number }>({ entriesMax: BADGES_MAX });
  const looks = createSingleFlight<BadgeFacts | undefined>();

  async function findSlug(teamId: string): Promise<string> {
    const team = await access.findTeam(teamId);
    if (team === undefined) throw new Error(`team ${teamId} has a key and no row`);
    slugs.set(teamId, team.slug);
    return team.slug;
  }

  async function look(slug: string): Promise<BadgeFacts | undefined> {
    const team = (await access.listTeams(null)).find((one) => one.slug === slug);
    const facts = team === undefined ? undefined : { publicEndpoints: await countPublic(team.id) };
    badges.set(slug, { facts, until: clock.now() + BADGE_FRESH_MS });
    return facts;
  }

  async function countPublic(teamId: string): Promise<number> {
    let count = 0;
    for (let cursor: string | null = null; ;) {
      const page: Awaited<ReturnType<typeof endpoints.list>> = await endpoints.list(teamId, PAGE, cursor);
      count += page.items.filter(({ definition }) => definition.public).length;
      cursor = page.nextCursor;
      if (cursor === null) return count;
    }
  }

  return {
    slugOf: (teamId) => slugs.get(teamId) ?? findSlug(teamId),
    async badgeFacts(slug) {
      const known = badges.get(slug);
      return known !== undefined && clock.now() < known.until ? known.facts : looks.run(slug, () => look(slug));
    },
  };
}
