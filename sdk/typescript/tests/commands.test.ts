import assert from "node:assert/strict";
import { test } from "node:test";
import { Commands } from "../src/commands/commands.ts";
import { settingsFrom } from "../src/settings.ts";
import { Transport } from "../src/transport/transport.ts";

test("arguments beside a line for a shell are refused with the method that takes them, whatever the caller's types", () => {
  const asksNobody = (): never => assert.fail("the server was asked");
  const commands = new Commands(new Transport(settingsFrom({ apiKey: "key", fetch: asksNobody })), "cl-1");
  for (const second of [["a b"], "hello", { args: ["a b"] }, null]) {
    assert.throws(() => Reflect.apply(commands.run, commands, ["echo", second]), /TypeError: run\(.*exec\(cmd, args, options\)/);
  }
});
