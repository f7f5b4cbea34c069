import assert from "node:assert/strict";
import { test } from "node:test";
import { readAnswer } from "./user.ts";

test("a user is read from the capsule's own entry and groups", () => {
  assert.deepEqual(readAnswer("games:x:5:60:games:/usr/games:/usr/sbin/nologin\n60 4\n"), {
    name: "games",
    uid: 5,
    gid: 60,
    groups: [60, 4],
    home: "/usr/games",
  });
});

test("what a hostile capsule answers gives no user, or one within its own ids and a home that is a path", () => {
  for (const answer of [
    "",
    "\n",
    "a:x:-1:0::/:",
    "a:x:65536:0::/:",
    "a:x:0:1e3::/:",
    `:x:1:1::/:`,
    "a:x:99999999999999999999:0::/:\n",
    "a",
  ])
    assert.equal(readAnswer(answer), undefined, answer);
  assert.equal(readAnswer("a:x:1:1::relative:\n1\n")?.home, "/");
  assert.deepEqual(readAnswer("a:x:1:1::/h:\n1 x 70000 2\n")?.groups, [1, 2]);
  assert.equal(readAnswer(`a:x:1:1::/h:\n${"1 ".repeat(65)}`), undefined, "more groups than the agent takes");
});
