import assert from "node:assert/strict";
import test from "node:test";
import { API_KEY } from "@capsuled/contract";
import { CapsuledError } from "../fail.ts";
import { ACCESS_LIMITS } from "./limits.ts";
import { createAccessWorld } from "./testing/world.ts";

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof CapsuledError && error.code === code;
}

test("a new key has the documented form, is stored as a hash only, and works", async () => {
  const { service, store, first } = await createAccessWorld();
  const key = await service.createKey(first.principal, { name: undefined, role: "member" });
  assert.match(key.text, API_KEY);
  assert.equal(key.record.prefix, key.text.slice(0, 10));
  assert.equal(key.record.name, "Unnamed API key");
  const stored = store.keys.find((each) => each.id === key.record.id);
  assert.ok(stored !== undefined && stored.hash.length > 0);
  assert.deepEqual(await service.authenticate(key.text), {
    keyId: key.record.id,
    teamId: first.principal.teamId,
    role: "member",
    isFirstTeam: true,
  });
  assert.deepEqual(await service.listKeys(first.principal), store.keys);
});

test("a member makes and revokes no keys and no teams", async () => {
  const { service, first } = await createAccessWorld();
  const member = { ...first.principal, role: "member" } as const;
  await assert.rejects(service.createKey(member, { name: "x", role: "admin" }), hasCode("forbidden"));
  await assert.rejects(service.revokeKey(member, first.key.record.id), hasCode("forbidden"));
  await assert.rejects(service.createTeam(member, { name: "Team", slug: undefined }), hasCode("forbidden"));
});

test("a team has at most 100 keys", async () => {
  const { service, store, first } = await createAccessWorld();
  while (store.keys.length < ACCESS_LIMITS.teamKeysMax) await service.createKey(first.principal, { name: "x", role: "member" });
  await assert.rejects(service.createKey(first.principal, { name: "x", role: "member" }), hasCode("quota_exceeded"));
  assert.equal(store.keys.length, 100);
});

test("the last admin key stays, an unknown, malformed or foreign key is not found", async () => {
  const { service, first } = await createAccessWorld();
  await assert.rejects(service.revokeKey(first.principal, first.key.record.id), hasCode("conflict"));
  const other = await service.createTeam(first.principal, { name: "Other", slug: undefined });
  for (const id of [other.key.record.id, `key-${"z".repeat(25)}`, "key-\0", ""]) {
    await assert.rejects(service.revokeKey(first.principal, id), hasCode("not_found"), JSON.stringify(id));
  }
});

test("only the first team's admin makes teams and sees them all", async () => {
  const { service, first } = await createAccessWorld();
  const { team, key } = await service.createTeam(first.principal, { name: "Builders Ltd.", slug: undefined });
  assert.equal(team.slug, "builders-ltd");
  const owner = await service.authenticate(key.text);
  assert.ok(owner);
  assert.deepEqual(owner, { keyId: key.record.id, teamId: team.id, role: "admin", isFirstTeam: false });
  await assert.rejects(service.createTeam(owner, { name: "Third", slug: undefined }), hasCode("forbidden"));
  assert.deepEqual(await service.listTeams(owner), [team]);
  assert.equal((await service.listTeams(first.principal)).length, 2);
  assert.equal((await service.listTeams({ ...first.principal, role: "member" })).length, 1);
});

test("an asked slug is taken as it is, or refused: reserved 400, taken 409; one from a name gives way", async () => {
  const { service, first } = await createAccessWorld();
  assert.equal((await service.createTeam(first.principal, { name: "A", slug: "acme" })).team.slug, "acme");
  await assert.rejects(service.createTeam(first.principal, { name: "B", slug: "acme" }), hasCode("conflict"));
  await assert.rejects(service.createTeam(first.principal, { name: "B", slug: "capsules" }), hasCode("invalid_request"));
  const again = await service.createTeam(first.principal, { name: "Acme", slug: undefined });
  assert.match(again.team.slug, /^acme-[0-9a-f]{6}$/);
});

test("the first team is made once, and its key is saved before it is stored", async () => {
  const { service, store } = await createAccessWorld();
  assert.equal(await service.ensureFirstTeam(() => assert.fail("nothing to save")), undefined);
  store.teams.length = 0;
  store.keys = [];
  const saved: string[] = [];
  await assert.rejects(
    service.ensureFirstTeam(async () => {
      throw new Error("disk full");
    }),
    /disk full/,
  );
  assert.equal(store.teams.length, 0);
  const key = await service.ensureFirstTeam(async (text) => {
    assert.equal(store.teams.length, 0);
    saved.push(text);
  });
  assert.deepEqual(saved, [key?.text]);
  assert.equal(store.teams[0]?.isFirst, true);
});
