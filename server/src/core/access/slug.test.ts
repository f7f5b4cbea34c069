import assert from "node:assert/strict";
import test from "node:test";
import { OPERATION_LIST, SLUG } from "@capsuled/contract";
import fc from "fast-check";
import { RESERVED_WORDS } from "./reserved-words.ts";
import { isReserved, slugFrom, withSuffix } from "./slug.ts";

test("any name gives a valid slug that is not reserved, with any suffix too", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 128 }), fc.stringMatching(/^[0-9a-f]{6}$/), (name, suffix) => {
      const slug = slugFrom(name);
      assert.match(slug, SLUG);
      assert.ok(!isReserved(slug), slug);
      assert.match(withSuffix(slug, suffix), SLUG);
    }),
    { numRuns: 2000 },
  );
});

test("names become the slugs that people expect", () => {
  const expected = {
    "Builders Ltd.": "builders-ltd",
    "Müller & Söhne": "muller-sohne",
    Straße: "strasse",
    "42": "team-42",
    ab: "team-ab",
    東京: "team-0",
    teams: "teams-team",
  };
  for (const [name, slug] of Object.entries(expected)) assert.equal(slugFrom(name), slug);
});

test("every word of the API, present and planned, gives way", () => {
  for (const word of RESERVED_WORDS) {
    if (SLUG.test(word)) assert.notEqual(slugFrom(word), word);
  }
});

test("every fixed part of every operation's path is reserved", () => {
  const parts = OPERATION_LIST.flatMap((operation) => operation.path.split("/")).filter((part) => part !== "" && !part.startsWith("{"));
  assert.ok(parts.length > 20);
  for (const part of parts) assert.ok(isReserved(part), part);
  for (const word of [
    "v1",
    "api",
    "capsules",
    "api-keys",
    "teams",
    "openapi",
    "openapi-json",
    "runs",
    "endpoints",
    "tickets",
    "templates",
    "admin",
  ]) {
    assert.ok(isReserved(word), word);
  }
});
