import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule } from "../../testing/ask.ts";
import { createWorld } from "../../testing/world.ts";
import { StartRefused } from "./service.ts";
import type { CapsuleUser } from "./user.ts";
import { findUser, readAnswer } from "./user.ts";
import { readUser } from "./user-database.ts";

/** Finds users of a capsule whose files say this; it has nothing else that could be asked. */
async function withFiles(files: Readonly<Record<string, string>>, act: (find: (user: string) => Promise<CapsuleUser>) => Promise<void>) {
  const world = await createWorld();
  try {
    const { id } = await createCapsule(world);
    const link = world.deps.live.get(id)?.link;
    assert.ok(link !== undefined);
    for (const [path, content] of Object.entries(files)) {
      const upload = await link.files.write({ path }, {});
      await upload.send(Buffer.from(content));
      await upload.finish();
    }
    await act((user) => findUser(world.deps, link, user, "test"));
  } finally {
    await world.close();
  }
}

const refused = (text: RegExp) => (error: unknown) =>
  error instanceof StartRefused && error.code === "user_not_found" && text.test(error.message);

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
  ]) {
    assert.equal(readAnswer(answer), undefined, answer);
    assert.deepEqual(readUser(answer.split("\n")[0] ?? ""), [], answer);
  }
  assert.equal(readAnswer("a:x:1:1::relative:\n1\n")?.home, "/");
  assert.deepEqual(readAnswer("a:x:1:1::/h:\n1 x 70000 2\n")?.groups, [1, 2]);
});

const PASSWD = "root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:/root:/sbin/nologin\n7:x:70:71::/absent:\n";
const GROUP = "root:x:0:\nnonroot:x:65532:\nmore:x:5:other,nonroot\nodd:x:100000:nonroot\n";

test("users and groups are found by name or number in the capsule's files", () =>
  withFiles({ "/etc/passwd": PASSWD, "/etc/group": GROUP }, async (find) => {
    const nonroot = { name: "nonroot", uid: 65_532, gid: 65_532, groups: [65_532, 5], home: "/root", directory: "/root" };
    for (const named of ["nonroot", "65532"]) assert.deepEqual(await find(named), nonroot, named);
    for (const named of ["nonroot:more", "65532:5"]) assert.deepEqual(await find(named), { ...nonroot, gid: 5, groups: [] }, named);
    assert.deepEqual(await find("7"), { name: "7", uid: 70, gid: 71, groups: [71], home: "/absent", directory: "/" });
    await assert.rejects(find("nobody-here"), refused(/no user "nobody-here"/));
    await assert.rejects(find("nonroot:none"), refused(/no group "none"/));
    await assert.rejects(find("nonroot:odd"), refused(/no group "odd"/), "a group beyond a capsule's ids");
  }));

test("a number needs no entry, and has the group 0 where it names none; a name does", () =>
  withFiles({}, async (find) => {
    const bare = { name: "65532", uid: 65_532, gid: 0, groups: [], home: "/", directory: "/" };
    assert.deepEqual(await find("65532"), bare);
    assert.deepEqual(await find("65532:8"), { ...bare, gid: 8 });
    assert.equal((await find(":8")).uid, 0);
    for (const named of ["65536", "-1", "1e3", "nonroot"]) await assert.rejects(find(named), refused(/no user/), named);
  }));

test("a user in more groups than the agent takes is refused", () =>
  withFiles(
    { "/etc/passwd": "a:x:1:1::/:\n", "/etc/group": Array.from({ length: 65 }, (_, n) => `g${n}:x:${n + 100}:a\n`).join("") },
    async (find) => {
      await assert.rejects(find("a"), refused(/more than 64 groups/));
      assert.equal((await find("a:g64")).gid, 164);
    },
  ));

test("of a long file its first MiB is read, and no more", () =>
  withFiles({ "/etc/passwd": `early:x:1:1::/:\n${"#".repeat(1024 * 1024)}\nlate:x:2:2::/:\n` }, async (find) => {
    assert.equal((await find("early")).uid, 1);
    await assert.rejects(find("late"), refused(/no user "late"/));
  }));
