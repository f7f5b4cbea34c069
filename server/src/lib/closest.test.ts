import assert from "node:assert/strict";
import { test } from "node:test";
import { closest } from "./closest.ts";

test("the nearest word within two letters is meant, and none that shares nothing", () => {
  const words = ["command", "comment", "timeout", "of"];
  assert.equal(closest("comand", words), "; did you mean command?");
  assert.equal(closest("timeuot", words), "; did you mean timeout?");
  assert.equal(closest("xy", words), "");
  assert.equal(closest("endpoint", words), "");
  assert.equal(closest("c".repeat(10_000), words), "");
});
