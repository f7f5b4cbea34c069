import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { call, expectCall, expectError } from "../harness/call.ts";
import { capsuleOf, newCapsule } from "../harness/capsule.ts";
import type { Capsule } from "../harness/capsule.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

const fork = async (id: string, body: Readonly<Record<string, unknown>>): Promise<readonly Capsule[]> =>
  (await expectCall("forkCapsule", 201, { params: { id }, body: { wait_ms: 60_000, ...body } })).capsules;
/** Nobody waits for the copy of a fork to be removed but this. */
const copiesAreGone = (): Promise<true> =>
  waitUntil(() => (readdirSync(join(readState().dataDir, "store/snapshots")).length === 0 ? true : undefined), {
    what: "the copies to be removed",
  });
const end = async (capsules: readonly Capsule[]): Promise<void> => {
  for (const { id } of capsules) await expectCall("destroyCapsule", 204, { params: { id } });
};

test("forks begin with the files and the settings of their source, without its processes, and go their own ways", async () => {
  await using source = await newCapsule({
    memory_mb: 96,
    disk_mb: 64,
    timeout_sec: 600,
    envs: { TOKEN: "t0ken" },
    metadata: { of: "source" },
    network: { egress: { allow: ["203.0.113.0/24"] } },
  });
  await source.sh("echo kept > /root/file; rm /etc/issue");
  await source.background({ cmd: "sleep", args: ["1000"], tag: "stays" });
  const forks = await fork(source.id, { count: 3, name: "fork" });
  assert.deepEqual(
    forks.map(({ name, status }) => [name, status]),
    [
      ["fork-1", "running"],
      ["fork-2", "running"],
      ["fork-3", "running"],
    ],
  );
  const { template, vcpus, memory_mb, disk_mb, timeout_sec, metadata, env_names, network } = source.created;
  for (const made of forks) {
    const settings = { template, vcpus, memory_mb, disk_mb, timeout_sec, metadata, env_names, network };
    assert.deepEqual({ ...made, ...settings }, made);
    const inside = capsuleOf(made);
    const { stdout } = await inside.sh("cat /root/file; echo $TOKEN; ls /etc/issue 2> /dev/null; hostname; echo own > /root/file");
    assert.equal(stdout, `kept\nt0ken\n${made.id}\n`);
    assert.deepEqual(
      (await inside.processes()).filter(({ tag }) => tag !== ""),
      [],
    );
  }
  assert.equal((await source.sh("cat /root/file")).stdout, "kept\n");
  assert.ok((await source.processes()).some(({ tag }) => tag === "stays"));
  await end(forks);
  await copiesAreGone();
});

test("a paused capsule can be forked and stays paused; a stopped one cannot; counts and names are checked", async () => {
  await using source = await newCapsule({ memory_mb: 64 });
  const at = { params: { id: source.id } };
  await source.sh("echo kept > /root/file");
  await source.pause();
  const forks = await fork(source.id, {});
  assert.equal(forks.length, 1);
  assert.equal((await source.get()).status, "paused");
  for (const one of forks) assert.equal((await capsuleOf(one).sh("cat /root/file")).stdout, "kept\n");
  await end(forks);
  for (const count of [0, 65, -1, 1.5, "2", 1e9]) await expectError("forkCapsule", "invalid_request", { ...at, body: { count } });
  await expectError("forkCapsule", "invalid_request", { ...at, body: { name: "" } });
  await expectError("forkCapsule", "invalid_request", { ...at, body: { nonsense: 1 } });
  await using taken = await newCapsule({ memory_mb: 64, name: "taken-2" });
  const { details } = await expectError("forkCapsule", "conflict", { ...at, body: { count: 3, name: "taken" } });
  assert.deepEqual(details, { field: "name", id: taken.id });
  await expectCall("stopCapsule", 200, at);
  await expectError("forkCapsule", "invalid_state", { ...at, body: {} });
  await copiesAreGone();
});

test("a fork of a fork, and a fork of a capsule of a snapshot", async () => {
  await using source = await newCapsule({ memory_mb: 64 });
  await source.sh("echo one > /root/one");
  await expectCall("createSnapshot", 201, { body: { capsule_id: source.id, name: "for-forks" } });
  await using like = await newCapsule({ template: "for-forks" });
  await like.sh("echo two > /root/two");
  const [child] = await fork(like.id, {});
  assert.ok(child !== undefined);
  await capsuleOf(child).sh("echo three > /root/three");
  const [grandchild] = await fork(child.id, {});
  assert.ok(grandchild !== undefined);
  await end([child]);
  await expectCall("deleteSnapshot", 204, { params: { name: "for-forks" } });
  assert.equal((await capsuleOf(grandchild).sh("cat /root/one /root/two /root/three")).stdout, "one\ntwo\nthree\n");
  await expectCall("stopCapsule", 200, { params: { id: grandchild.id } });
  await expectCall("startCapsule", 200, { params: { id: grandchild.id }, body: { wait_ms: 30_000 } });
  assert.equal((await capsuleOf(grandchild).sh("cat /root/one")).stdout, "one\n");
  await end([grandchild]);
});

test("a repeat with the same Idempotency-Key makes no second forks, and a team's limit holds for all of them together", async () => {
  const team = await newTeam();
  await using source = await newCapsule({ memory_mb: 64 }, team.key);
  const asked = {
    key: team.key,
    params: { id: source.id },
    body: { count: 2, wait_ms: 60_000 },
    headers: { "idempotency-key": randomUUID() },
  };
  const both = await Promise.all([call("forkCapsule", asked), call("forkCapsule", asked)]);
  assert.deepEqual(
    both.map(({ status }) => status),
    [201, 201],
  );
  assert.deepEqual(both[0]?.body, both[1]?.body);
  const list = await expectCall("listCapsules", 200, { key: team.key });
  assert.ok(Array.isArray(list) && list.length === 3);
  for (const { id } of list.filter(({ id }) => id !== source.id))
    await expectCall("destroyCapsule", 204, { key: team.key, params: { id } });
});
