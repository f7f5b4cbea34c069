import assert from "node:assert/strict";
import { it } from "node:test";
import type { OpenFresh } from "../../conformance.ts";
import { createLeaseStore } from "../../lease-store.ts";

export function describeLeases(openFresh: OpenFresh): void {
  it("gives a lease to one holder at a time, renews it, and passes it on when it ran out or was released", async () => {
    const database = await openFresh();
    try {
      const leases = createLeaseStore(database);
      assert.equal(await leases.acquire("reaper", "a", 1000, 500), true);
      assert.equal(await leases.acquire("reaper", "b", 1499, 500), false);
      assert.equal(await leases.acquire("other", "b", 1499, 500), true);
      assert.equal(await leases.acquire("reaper", "a", 1400, 500), true, "renewed until 1900");
      assert.equal(await leases.acquire("reaper", "b", 1899, 500), false);
      assert.equal(await leases.acquire("reaper", "b", 1900, 500), true);
      await leases.release("reaper", "a");
      assert.equal(await leases.acquire("reaper", "a", 1901, 500), false, "another's release changes nothing");
      await leases.release("reaper", "b");
      assert.equal(await leases.acquire("reaper", "a", 1902, 500), true);
    } finally {
      await database.close();
    }
  });

  it("gives a free lease to exactly one of many that ask at once", async () => {
    const database = await openFresh();
    try {
      const leases = createLeaseStore(database);
      const taken = await Promise.all(Array.from({ length: 8 }, (_, index) => leases.acquire("reaper", `holder-${index}`, 1000, 500)));
      assert.equal(taken.filter(Boolean).length, 1);
    } finally {
      await database.close();
    }
  });
}
