import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectCall } from "../harness/call.ts";
import { imageOf } from "../harness/image.ts";
import { buildOf, capsuleOfImage } from "../harness/image-build.ts";
import type { TestRegistry } from "../harness/registry.ts";
import { startRegistry } from "../harness/registry.ts";
import { staticProgram, WHO } from "../harness/static-program.ts";
import type { TarEntry } from "../harness/tar.ts";
import { tarOf } from "../harness/tar.ts";
import { openTerminal } from "../harness/terminal.ts";

let registry: TestRegistry;
let who: TarEntry;
before(async () => {
  registry = await startRegistry();
  who = { name: "who", mode: 0o755, content: staticProgram(WHO) };
});
after(() => registry[Symbol.asyncDispose]());

/** What images have that were made without a distribution's programs: no shell, and nothing that could be asked who a user is. */
const DATABASE: readonly TarEntry[] = [
  { name: "etc/passwd", content: "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n" },
  { name: "etc/group", content: "root:x:0:\nnonroot:x:65532:\nextra:x:44:nonroot\n" },
  { name: "home/nonroot", type: "5", mode: 0o700, uid: 65_532, gid: 65_532 },
];
let tags = 0;
const put = (user: string, entries: readonly TarEntry[], config: Readonly<Record<string, unknown>> = {}): string =>
  registry.put(`t${(tags += 1)}`, imageOf({ layers: [tarOf([who, ...entries])], config: { User: user, ...config } }));

const CASES: readonly (readonly [string, string, readonly TarEntry[], string])[] = [
  ["a name", "nonroot", DATABASE, "65532 65532 [65532,44] / HOME=/home/nonroot USER=nonroot"],
  ["a number that has a name", "65532", DATABASE, "65532 65532 [65532,44] / HOME=/home/nonroot USER=nonroot"],
  ["a user and a group", "nonroot:extra", DATABASE, "65532 44 [] / HOME=/home/nonroot USER=nonroot"],
  ["a number without any database", "65532", [], "65532 0 [] / HOME=/ USER=65532"],
  ["numbers without any database", "65532:65533", [], "65532 65533 [] / HOME=/ USER=65532"],
];
for (const [what, user, entries, line] of CASES) {
  test(`an image without a shell runs as its user, said as ${what}`, async () => {
    await using capsule = await capsuleOfImage({ reference: put(user, entries) });
    const told = await capsule.exec({ cmd: "/who" });
    assert.equal(told.stdout.replace(/\[65532,44\]|\[44,65532\]/, "[65532,44]"), `${line}\n`);
    const there = await capsule.exec({ cmd: "/who", cwd: "/etc" });
    assert.match(there.stdout, / \/etc HOME=/, "a directory that a command says goes before");
  });
}

test("a home that is not there keeps no process from running", async () => {
  const passwd: TarEntry = { name: "etc/passwd", content: "nobody:x:65534:65534::/nonexistent:/sbin/nologin\n" };
  await using capsule = await capsuleOfImage({ reference: put("nobody", [passwd]) });
  assert.equal((await capsule.exec({ cmd: "/who" })).stdout, "65534 65534 [65534] / HOME=/nonexistent USER=nobody\n");
});

test("terminals, start commands and forks of an image without a shell have its user too", async () => {
  const config = { Entrypoint: ["/who"] };
  await using capsule = await capsuleOfImage({ reference: put("65532", [], config), use_entrypoint: true });
  const started = (await expectCall("getProcessOutput", 200, { params: { id: capsule.id, selector: "start" } })).data;
  assert.equal(started, "65532 0 [] / HOME=/ USER=65532\n");
  await using terminal = await openTerminal(capsule.id, { type: "start", cmd: "/who" });
  await terminal.message("exit");
  assert.equal(terminal.shown, "65532 0 [] / HOME=/ USER=65532\r\n");
  const { capsules } = await expectCall("forkCapsule", 201, { params: { id: capsule.id }, body: { wait_ms: 30_000 } });
  for (const { id } of capsules) {
    assert.equal((await expectCall("exec", 200, { params: { id }, body: { cmd: "/who" } })).stdout, "65532 0 [] / HOME=/ USER=65532\n");
    await expectCall("destroyCapsule", 204, { params: { id } });
  }
});

test("a user or a group that an image says and does not have fails the build with its name", async () => {
  for (const [user, text] of [
    ["absent", /no user "absent"/],
    ["nonroot:absent", /no group "absent"/],
    ["70000", /no user "70000"/],
  ] as const) {
    const build = await buildOf({ reference: put(user, DATABASE) });
    assert.deepEqual([build.state, build.reason], ["failed", "user_not_found"], user);
    assert.match(build.message ?? "", text);
  }
});

test("files go into an image without a shell; a step that needs one says that there is none", async () => {
  const reference = put("nonroot", DATABASE);
  await using capsule = await capsuleOfImage({ reference }, { files: [{ path: "/srv/of-recipe", content: "here" }] });
  assert.equal((await expectCall("statFile", 200, { params: { id: capsule.id }, body: { path: "/srv/of-recipe" } })).entry.size, 4);
  const build = await buildOf({ reference }, { steps: [{ run: "true" }] });
  assert.deepEqual([build.state, build.reason, build.error?.exit_code], ["failed", "step_failed", 127]);
  assert.match(build.message ?? "", /\/bin\/sh: command not found/);
});
