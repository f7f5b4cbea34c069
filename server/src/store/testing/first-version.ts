import assert from "node:assert/strict";
import { createCapsuleStore } from "../capsule-store.ts";
import type { Database, EngineCapabilities } from "../database.ts";
import { checksumOf } from "../migrate.ts";
import { migrations } from "../migrations/index.ts";
import { insertCapsule, capsuleRecord } from "./records.ts";

/** SQL that makes a database as the first version left it: two capsules share a name, a third one with it is destroyed. */
export function firstVersion(engine: EngineCapabilities): readonly string[] {
  const [first] = migrations;
  assert.ok(first !== undefined);
  const capsule = (id: string, state: string, createdAt: number): string =>
    `insert into capsules (id, team_id, host_id, driver, state, version, template, vcpus, memory_mb, disk_mb, timeout_sec, name, metadata_json, env_names_json, sealed_secret, has_disk, created_at, state_changed_at)
     values ('${id}', 'team-a', 'host-1', 'fake', '${state}', 3, 'minimal', 1, 64, 64, 0, 'web', '{}', '[]', 'v1.x', 1, ${createdAt}, 5)`;
  return [
    `create table schema_migrations (name ${engine.textType} primary key, checksum ${engine.textType} not null, applied_at bigint not null)`,
    ...first.statements(engine),
    `insert into schema_migrations (name, checksum, applied_at) values ('${first.name}', '${checksumOf(first, engine)}', 1)`,
    `insert into teams (id, name, slug, is_first, created_at) values ('team-a', 'A', 'aaa', 1, 1)`,
    capsule("cl-gone", "destroyed", 1),
    capsule("cl-younger", "stopped", 9),
    capsule("cl-oldest", "running", 2),
  ];
}

/** What must be true of it once this version has opened it. */
export async function checkUpgraded(database: Database): Promise<void> {
  const store = createCapsuleStore(database);
  const kept = await store.find("cl-younger");
  assert.deepEqual([kept?.name, kept?.version, kept?.logCursor, kept?.requestedBy, kept?.evidence], ["web", 3, 1, null, null]);
  assert.equal((await store.findNamed("team-a", "web"))?.id, "cl-oldest");
  assert.equal((await insertCapsule(store, capsuleRecord({ teamId: "team-a", name: "web" })))?.id, "cl-oldest");
  assert.equal(await insertCapsule(store, capsuleRecord({ teamId: "team-a", name: "other" })), undefined);
}
