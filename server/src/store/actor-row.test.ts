import assert from "node:assert/strict";
import { test } from "node:test";
import { toActor } from "./actor-row.ts";

test("a row of an earlier version names a key as one of today does, and what is neither is refused", () => {
  assert.deepEqual(toActor("key", "key-a"), { type: "api_key", id: "key-a" });
  assert.deepEqual(toActor("api_key", "key-a"), { type: "api_key", id: "key-a" });
  assert.deepEqual(toActor("system", "expire"), { type: "system", id: "expire" });
  assert.throws(() => toActor("person", "key-a"));
});
