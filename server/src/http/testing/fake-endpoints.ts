import { createEndpointService } from "../../core/endpoint/create-endpoint-service.ts";
import type { EndpointService } from "../../core/endpoint/service.ts";
import { MemoryEndpointStore } from "../../core/endpoint/testing/memory-store.ts";
import { createTeamDirectory } from "../../core/access/team-directory.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { cronSchedules } from "../../cron/schedules.ts";
import { createIds } from "../../lib/node/ids.ts";
import { nodeHmac } from "../../lib/node/hmac.ts";
import { createSigner } from "../../outbound/signer.ts";
import { createSealer } from "../../store/sealer.ts";
import { createTransformRunner } from "../../workers/transform-runner.ts";
import { readYaml } from "../../workers/yaml.ts";
import type { HttpServices } from "../deps.ts";
import { IDS } from "./fake-services.ts";
import { FakeRuns } from "./fake-runs.ts";

export const OWNER = "builders";
export const OTHER_OWNER = "others";

/** Real definitions in memory over scripted runs. */
export interface FakeEndpoints {
  readonly endpointStore: MemoryEndpointStore;
  readonly endpoints: { -readonly [K in keyof EndpointService]: EndpointService[K] };
  readonly runs: FakeRuns;
  readonly parts: Pick<HttpServices, "transforms" | "notifications" | "teams" | "signer" | "hmac">;
}

export function createFakeEndpoints(clock: Clock): FakeEndpoints {
  const endpointStore = new MemoryEndpointStore();
  endpointStore.owners.set(IDS.team, { slug: OWNER, name: "Builders" });
  endpointStore.owners.set(IDS.otherTeam, { slug: OTHER_OWNER, name: "Others" });
  const teams = [...endpointStore.owners].map(([id, owner], index) => ({ id, ...owner, isFirst: index === 0, createdAt: 0 }));
  const endpoints = createEndpointService({
    store: endpointStore,
    clock,
    ids: createIds(),
    sealer: createSealer(new Uint8Array(32)),
    schedules: cronSchedules,
    templates: { isThere: async () => true },
    transforms: { check: async () => undefined },
    capsules: { has: async () => true },
    files: { read: async (_teamId, text) => readYaml(text) },
    limits: { teamEndpointsMax: 1000, timeoutSecMax: 120 },
  });
  return {
    endpointStore,
    endpoints,
    runs: new FakeRuns(),
    parts: {
      transforms: createTransformRunner({ run: async () => ({ ok: false, message: "there is no thread here", isTransient: false }) }),
      notifications: { find: async () => new Map() },
      teams: createTeamDirectory({
        clock,
        access: { findTeam: async (id) => teams.find((team) => team.id === id), listTeams: async () => teams },
        endpoints: endpointStore,
      }),
      signer: createSigner(new Uint8Array(32)),
      hmac: nodeHmac,
    },
  };
}
