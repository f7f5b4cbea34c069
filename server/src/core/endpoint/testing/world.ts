import { cronSchedules } from "../../../cron/schedules.ts";
import { createIds } from "../../../lib/node/ids.ts";
import { createSealer } from "../../../store/sealer.ts";
import { readYaml } from "../../../workers/yaml.ts";
import type { Principal } from "../../access/principal.ts";
import { createEndpointService } from "../create-endpoint-service.ts";
import type { EndpointStore } from "../store.ts";
import { MemoryEndpointStore } from "./memory-store.ts";

export const principal: Principal = { keyId: "key-a", teamId: "team-a", role: "member", isFirstTeam: false };
export const stranger: Principal = { ...principal, keyId: "key-b", teamId: "team-b" };

/** The one capsule that there is, the principal's. */
export const OWN_CAPSULE = `cl-${"a".repeat(25)}`;

/** The service of endpoints on a store in memory, with a clock that tests move. */
export function endpointWorld(limits: { readonly teamEndpointsMax?: number } = {}) {
  const store = new MemoryEndpointStore();
  const { service, clock } = serviceOn(store, limits);
  store.owners.set(principal.teamId, { slug: "alice", name: "Alice" });
  store.owners.set(stranger.teamId, { slug: "bob", name: "Bob" });
  return { store, clock, service };
}

/** The same on any store. */
export function serviceOn(store: EndpointStore, limits: { readonly teamEndpointsMax?: number } = {}) {
  // A Sunday, 12:00:30.
  const clock = { time: Date.UTC(2026, 0, 4, 12, 0, 30) };
  const service = createEndpointService({
    store,
    clock: { now: () => clock.time },
    ids: createIds(),
    sealer: createSealer(new Uint8Array(32)),
    schedules: cronSchedules,
    templates: { isThere: async (_teamId, name) => name === "minimal" },
    transforms: {
      check: async (_teamId, transformer) =>
        transformer.type === "jsonata" && transformer.expression === "bad(" ? "is no JSONata" : undefined,
    },
    capsules: { has: async (teamId, id) => teamId === principal.teamId && id === OWN_CAPSULE },
    files: { read: async (_teamId, text) => readYaml(text) },
    limits: { teamEndpointsMax: limits.teamEndpointsMax ?? 1000, timeoutSecMax: 120 },
  });
  return { clock, service };
}
