import { BUILD_ID } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import { settledWithin } from "../capsule/wait.ts";
import { fail } from "../fail.ts";
import type { Builds } from "./builds.ts";
import type { BuildDeps } from "./deps.ts";
import { CANCEL_WAIT_MS } from "./limits.ts";
import { BuildLogReader } from "./log-reader.ts";
import type { BuildRecord } from "./record.ts";
import { UNFINISHED } from "./record.ts";
import { recoverBuilds } from "./recover-builds.ts";
import type { BuildService } from "./service.ts";
import { startBuild } from "./start-build.ts";

/** The use cases of builds over one set of dependencies. */
export function createBuildService(deps: BuildDeps, builds: Builds): BuildService {
  return {
    start: (principal, recipe, intent) => startBuild(deps, builds, principal, recipe, intent),
    get: (principal, id) => ownedBuild(deps, principal, id),
    list: ({ teamId }, limit) => deps.builds.list(teamId, limit),
    async log(principal, id, after) {
      const record = await ownedBuild(deps, principal, id);
      if (after > 0) {
        const [latest] = await deps.builds.readLog(record.id, after - 1, 1);
        if (latest === undefined) throw fail("invalid_offset", undefined, { details: { field: "Last-Event-ID" } });
        if (latest.entry.type === "end") return null;
      }
      return new BuildLogReader(deps.builds, deps.buildSignal, record.id, after);
    },
    async cancel(principal, id) {
      const record = await ownedBuild(deps, principal, id);
      await settledWithin(builds.cancel(record.id), CANCEL_WAIT_MS);
      const now = await ownedBuild(deps, principal, id);
      if (!UNFINISHED.includes(now.state)) return now;
      if (builds.has(id) || now.hostId !== deps.hostId) throw fail("unavailable", "The build could not be ended yet; try again.");
      await recoverBuilds(deps, builds);
      return ownedBuild(deps, principal, id);
    },
  };
}

async function ownedBuild(deps: BuildDeps, { teamId }: Principal, id: string): Promise<BuildRecord> {
  const record = BUILD_ID.test(id) ? await deps.builds.find(id) : undefined;
  if (record === undefined || record.teamId !== teamId) throw fail("not_found", "There is no build with this id.");
  return record;
}
