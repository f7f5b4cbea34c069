import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import test from "node:test";
import { POSTGRES, SQLITE } from "../database.ts";
import { checksumOf } from "../migrate.ts";
import { migrations } from "./index.ts";
import { manifest } from "./manifest.ts";

test("no released migration has changed, and each is in the manifest", () => {
  const actual = migrations.map((migration) => ({
    name: migration.name,
    sqlite: checksumOf(migration, SQLITE),
    postgres: checksumOf(migration, POSTGRES),
  }));
  assert.deepEqual(actual, manifest);
});

test("every file of a migration is applied, in the order of the names", () => {
  const files = readdirSync(import.meta.dirname).filter((name) => /^\d{4}_.*\.ts$/.test(name));
  assert.ok(files.length > 0);
  assert.deepEqual(
    migrations.map((migration) => `${migration.name}.ts`),
    files.toSorted(),
  );
});

test("a changed statement changes the checksum, a changed layout does not", () => {
  const migration = (statement: string): { name: string; statements: () => string[] } => ({ name: "x", statements: () => [statement] });
  const checksum = checksumOf(migration("create table a (b integer)"), SQLITE);
  assert.equal(checksumOf(migration("create table a\n  (b   integer)\n"), SQLITE), checksum);
  assert.notEqual(checksumOf(migration("create table a (c integer)"), SQLITE), checksum);
});
