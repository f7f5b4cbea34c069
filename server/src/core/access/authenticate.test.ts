import assert from "node:assert/strict";
import test from "node:test";
import { StoreUnavailableError } from "../capsule/store.ts";
import { ACCESS_LIMITS } from "./limits.ts";
import { createAccessWorld } from "./testing/world.ts";

const UNKNOWN = `wrn_${"a".repeat(40)}`;

test("a key names its caller, is answered without a promise for 5 s, and is then looked up again", async () => {
  const { service, store, clock, first } = await createAccessWorld();
  assert.deepEqual(await service.authenticate(first.key.text), first.principal);
  clock.now += ACCESS_LIMITS.keyFreshMsMax - 1;
  assert.deepEqual(service.authenticate(first.key.text), first.principal);
  assert.equal(store.looks, 1);
  clock.now += 1;
  assert.ok(service.authenticate(first.key.text) instanceof Promise);
  assert.equal(store.looks, 2);
});

test("what has not the form of a key is refused without a look", async () => {
  const { service, store } = await createAccessWorld();
  for (const text of ["", "wrn_", `wrn_${"A".repeat(40)}`, `wrn_${"a".repeat(41)}`, ` ${UNKNOWN}`, `${UNKNOWN}\n`]) {
    assert.equal(service.authenticate(text), undefined, JSON.stringify(text));
  }
  assert.equal(store.looks, 0);
});

test("an unknown key costs one look a second, and works soon after it was made", async () => {
  const { service, store, clock, first } = await createAccessWorld();
  for (let call = 0; call < 50; call += 1) assert.equal(await service.authenticate(UNKNOWN), undefined);
  assert.equal(store.looks, 1);
  store.keys.push({ ...first.key.record, id: "key-x", hash: `hash of ${UNKNOWN}` });
  clock.now += ACCESS_LIMITS.unknownKeyFreshMsMax;
  assert.equal((await service.authenticate(UNKNOWN))?.keyId, "key-x");
});

test("callers with one key at one moment share one look", async () => {
  const { service, store, first } = await createAccessWorld();
  const callers = await Promise.all(Array.from({ length: 20 }, async () => service.authenticate(first.key.text)));
  assert.equal(store.looks, 1);
  for (const caller of callers) assert.deepEqual(caller, first.principal);
});

test("a key revoked here stops at once, and those who listen are told", async () => {
  const { service, first } = await createAccessWorld();
  const key = await service.createKey(first.principal, { name: undefined, role: "member" });
  const revoked: string[] = [];
  const stopListening = service.onRevoked((keyId) => revoked.push(keyId));
  assert.ok(await service.authenticate(key.text));
  await service.revokeKey(first.principal, key.record.id);
  assert.equal(await service.authenticate(key.text), undefined);
  assert.deepEqual(revoked, [key.record.id]);
  stopListening();
});

test("a key revoked elsewhere stops within 5 s, and those who listen are told", async () => {
  const { service, store, clock, first } = await createAccessWorld();
  const key = await service.createKey(first.principal, { name: "ci", role: "member" });
  const revoked: string[] = [];
  service.onRevoked((keyId) => revoked.push(keyId));
  assert.ok(await service.authenticate(key.text));
  store.keys = store.keys.filter((each) => each.id !== key.record.id);
  clock.now += ACCESS_LIMITS.keyFreshMsMax;
  assert.equal(await service.authenticate(key.text), undefined);
  assert.deepEqual(revoked, [key.record.id]);
});

test("a look that was under way during a revocation does not bring the key back", async () => {
  const { service, store, first } = await createAccessWorld();
  const key = await service.createKey(first.principal, { name: "ci", role: "member" });
  const { promise, resolve } = Promise.withResolvers<void>();
  store.gate = promise;
  const underWay = service.authenticate(key.text);
  await service.revokeKey(first.principal, key.record.id);
  resolve();
  await underWay;
  assert.equal(await service.authenticate(key.text), undefined);
});

test("while the database is gone a key that was good goes on without waiting, and any other is unavailable", async () => {
  const { service, store, clock, first } = await createAccessWorld();
  await service.authenticate(first.key.text);
  store.isDown = true;
  clock.now += ACCESS_LIMITS.keyFreshMsMax;
  assert.deepEqual(await service.authenticate(first.key.text), first.principal);
  const looks = store.looks;
  assert.deepEqual(service.authenticate(first.key.text), first.principal);
  assert.equal(store.looks, looks, "asked at most once a second");
  clock.now += ACCESS_LIMITS.keyRetryMs;
  assert.deepEqual(service.authenticate(first.key.text), first.principal, "without a promise, though it looks again");
  assert.equal(store.looks, looks + 1);
  await assert.rejects(async () => service.authenticate(UNKNOWN), StoreUnavailableError);
});

test("a key that was last good too long ago is unavailable while the database is gone", async () => {
  const { service, store, clock, first } = await createAccessWorld();
  await service.authenticate(first.key.text);
  store.isDown = true;
  clock.now += ACCESS_LIMITS.keyOutageMsMax + 1;
  await assert.rejects(async () => service.authenticate(first.key.text), StoreUnavailableError);
});

test("a key revoked during an outage elsewhere stops soon after the database is back", async () => {
  const { service, store, clock, first } = await createAccessWorld();
  const key = await service.createKey(first.principal, { name: "ci", role: "member" });
  await service.authenticate(key.text);
  store.isDown = true;
  clock.now += ACCESS_LIMITS.keyFreshMsMax;
  assert.ok(await service.authenticate(key.text));
  store.isDown = false;
  store.keys = store.keys.filter((each) => each.id !== key.record.id);
  clock.now += ACCESS_LIMITS.keyRetryMs;
  await service.authenticate(key.text);
  await new Promise(setImmediate);
  assert.equal(await service.authenticate(key.text), undefined);
});

test("each use is noted for the batch, a refusal is not", async () => {
  const { service, keyUse, first } = await createAccessWorld();
  await service.authenticate(UNKNOWN);
  assert.equal(keyUse.size, 0);
  await service.authenticate(first.key.text);
  void service.authenticate(first.key.text);
  assert.equal(keyUse.size, 1);
});

test("the memory of unknown keys is bounded, and the oldest makes room", async () => {
  const { service, store } = await createAccessWorld();
  const unknown = (index: number): string => `wrn_${String(index).padStart(40, "f")}`;
  for (let index = 0; index <= ACCESS_LIMITS.cachedUnknownKeysMax; index += 1) await service.authenticate(unknown(index));
  const looks = store.looks;
  await service.authenticate(unknown(0));
  assert.equal(store.looks, looks + 1, "the oldest was forgotten");
  await service.authenticate(unknown(ACCESS_LIMITS.cachedUnknownKeysMax));
  assert.equal(store.looks, looks + 1, "the youngest is remembered");
});
