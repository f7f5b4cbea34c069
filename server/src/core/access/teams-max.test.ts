import assert from "node:assert/strict";
import { test } from "node:test";
import { createTeam } from "./create-team.ts";
import { ACCESS_LIMITS } from "./limits.ts";
import { createIds } from "../../lib/node/ids.ts";
import { nodeHash } from "../../lib/node/hash.ts";
import type { Principal } from "./principal.ts";

type Deps = Parameters<typeof createTeam>[0];

const principal: Principal = { keyId: "key-a", teamId: "team-a", role: "admin", isFirstTeam: true };

/** Access to a store that has so many teams. */
function depsWith(teams: number): Deps {
  const store = { countTeams: async () => teams, insertTeam: async () => true };
  const deps: Partial<Omit<Deps, "store">> & { readonly store: Partial<Deps["store"]> } = {
    store,
    clock: { now: () => 0 },
    ids: createIds(),
    hash: nodeHash,
  };
  return deps as Deps; // making a team needs no more of it
}

test("an installation takes its last team, and refuses one more as a quota", async () => {
  const input = { name: "Builders", slug: undefined };
  assert.equal((await createTeam(depsWith(ACCESS_LIMITS.teamsMax - 1), principal, input)).team.name, "Builders");
  await assert.rejects(createTeam(depsWith(ACCESS_LIMITS.teamsMax), principal, input), { code: "quota_exceeded" });
});
