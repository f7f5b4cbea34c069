import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectCall } from "../harness/call.ts";
import { alpineLike } from "../harness/alpine-like.ts";
import { imageOf } from "../harness/image.ts";
import type { Build } from "../harness/image-build.ts";
import { buildOf, capsuleOfImage } from "../harness/image-build.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import type { TestRegistry } from "../harness/registry.ts";
import { startRegistry } from "../harness/registry.ts";
import { tarOf } from "../harness/tar.ts";
import { openTerminal } from "../harness/terminal.ts";

/** Debian's busybox has no `adduser`. */
const NEW_USER =
  "echo app:x:1000:1000::/home/app:/bin/ash >> /etc/passwd && echo app:x:1000: >> /etc/group && sed -i 's/^users:x:100:$/&app/' /etc/group && mkdir /home/app && chown 1000:1000 /home/app";

let registry: TestRegistry;
let capsule: TestCapsule & { readonly build: Build };
let reference: string;
before(async () => {
  registry = await startRegistry();
  const config = { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["/bin/sh"] };
  reference = registry.put("alpine-like", imageOf({ layers: [tarOf(alpineLike())], config }));
  capsule = await capsuleOfImage({ reference }, { packages: ["curl", "git"], steps: [{ run: NEW_USER }], user: "app" });
});
after(async () => {
  await capsule[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

test("packages are asked of apk, without its cache, where an image has no apt-get", async () => {
  assert.equal((await capsule.sh("cat /var/asked-of-apk")).stdout, "add\n--no-cache\n--\ncurl\ngit\n");
  const log = await expectCall("streamTemplateBuild", 200, { params: { id: capsule.build.id } });
  assert.match(String(log), /stand-in for apk: add --no-cache -- curl git/);
  const failed = await buildOf({ reference }, { packages: ["absent-package"] });
  assert.deepEqual([failed.state, failed.reason, failed.error?.exit_code], ["failed", "step_failed", 1]);
  assert.match(failed.error?.last_lines ?? "", /no such package/);
});

test("a capsule of busybox alone runs its shell as the user that a step made, with that user's groups", async () => {
  assert.equal(
    (await capsule.sh("id -un; id -gn; pwd; echo $HOME; cat /etc/alpine-release")).stdout,
    "app\napp\n/\n/home/app\n0.0.0-like\n",
  );
  assert.match((await capsule.sh("id -G")).stdout, /^(1000 100|100 1000)\n$/);
  const killed = await capsule.sh("sleep 1000 & kill -9 $!; wait $!; echo $?");
  assert.equal(killed.stdout, "137\n");
});

test("terminals, files, archives and processes work in it as in any capsule", async () => {
  const { id } = capsule;
  await using terminal = await openTerminal(id, { type: "start", cmd: "/bin/ash", user: "root" });
  terminal.type("echo $0 $((6 * 7)) $TERM; exit 3\r");
  assert.equal((await terminal.message("exit")).exit_code, 3);
  assert.match(terminal.shown, /\/bin\/ash 42 xterm-256color\r\n/);
  await using bash = await openTerminal(id, { type: "start" });
  assert.match((await bash.message("error")).data, /\/bin\/bash/, "whoever wants bash is told that there is none");
  const { entries } = await expectCall("listFiles", 200, { params: { id }, body: { path: "/etc" } });
  assert.ok(entries.some(({ name, owner }) => name === "passwd" && owner === "root"));
  const background = await capsule.background({ cmd: "sleep", args: ["1000"], tag: "sleeper" });
  assert.ok((await capsule.processes()).some(({ pid }) => pid === background.pid));
  await expectCall("killProcess", 204, { params: { id, selector: "sleeper" } });
});

test("it is forked, stopped and started", async () => {
  const { id } = capsule;
  await capsule.sh("echo kept > /home/app/file");
  const { capsules } = await expectCall("forkCapsule", 201, { params: { id }, body: { wait_ms: 30_000 } });
  for (const fork of capsules) {
    const { stdout } = await expectCall("exec", 200, { params: { id: fork.id }, body: { cmd: "cat", args: ["/home/app/file"] } });
    assert.equal(stdout, "kept\n");
    await expectCall("destroyCapsule", 204, { params: { id: fork.id } });
  }
  await expectCall("stopCapsule", 200, { params: { id } });
  await expectCall("startCapsule", 200, { params: { id }, body: { wait_ms: 30_000 } });
  assert.equal((await capsule.sh("cat ~/file; id -un")).stdout, "kept\napp\n");
});
