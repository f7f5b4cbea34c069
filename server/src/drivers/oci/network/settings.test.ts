import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { cannotConnect, missingPrograms } from "./settings.ts";

const isAble = process.getuid?.() === 0 && missingPrograms().length === 0 && cannotConnect() === null;
const skip = isAble ? false : "this host cannot connect capsules, or these tests do not run as root";

const tables = (): string => spawnSync("nft", ["list", "tables"], { encoding: "utf8" }).stdout;

test("a kernel that lacks a kind of chain cannot connect capsules, and says which", { skip }, () => {
  const why = cannotConnect("table inet capsuled_probe {\n  chain none { type route hook postrouting priority 0; }\n}\n");
  assert.match(why ?? "", /^nft cannot be used: .*chain none/s);
});

test("asking what the kernel has makes no table", { skip }, () => {
  assert.equal(cannotConnect(), null);
  assert.doesNotMatch(tables(), /capsuled_probe/);
});
