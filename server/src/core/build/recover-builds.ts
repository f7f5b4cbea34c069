import { bySystem } from "../event/actor.ts";
import { destroyCapsule } from "../capsule/destroy.ts";
import { BuildError } from "./build-error.ts";
import type { Builds } from "./builds.ts";
import { concludeBuild } from "./builds.ts";
import type { BuildDeps } from "./deps.ts";

/** Gives an end to builds of this host that nobody works on: their server died. Their capsules go first, so that a build's end means that nothing is left of it. */
export async function recoverBuilds(deps: BuildDeps, builds: Builds): Promise<number> {
  let count = 0;
  for (const record of await deps.builds.listUnfinished(deps.hostId)) {
    if (builds.has(record.id) || deps.makingTemplates.has(record.templateId)) continue;
    try {
      if ((await deps.store.find(record.capsuleId)) !== undefined) await destroyCapsule(deps, record.capsuleId, bySystem("recover"));
    } catch (error) {
      deps.log.warn({ buildId: record.id, error }, "the capsule of a build could not be destroyed; the next look tries again");
      continue;
    }
    const template = await deps.teamTemplates.find(record.templateId);
    await concludeBuild(deps, record, template?.state === "ready" ? null : serverLost());
    count += 1;
  }
  return count;
}

function serverLost(): BuildError {
  return new BuildError(
    "server_lost",
    "The server ended while the template was being built; what its steps left is kept for the next build.",
  );
}
