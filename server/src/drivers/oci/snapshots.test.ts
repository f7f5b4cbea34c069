import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HostFullError } from "../../core/ports/driver.ts";
import type { Driver, DriverSnapshots } from "../../core/ports/driver.ts";
import { createDriver } from "./driver.ts";
import { readSnapshot, snapshotPaths } from "./origin.ts";
import { originsInUse } from "./snapshots/in-use.ts";
import type { OciWorld } from "./testing/oci-world.ts";
import { CANNOT_RUN, connect, createOciWorld, newCapsuleId, specOf } from "./testing/oci-world.ts";

let world: OciWorld;
before(async () => {
  if (CANNOT_RUN === false) world = await createOciWorld();
});
after(() => (CANNOT_RUN === false ? world.close() : undefined));

const newId = (): string => newCapsuleId().replace("cl-", "tp-");
function powerOf(driver: Driver): DriverSnapshots {
  assert.ok(driver.snapshots !== null);
  return driver.snapshots;
}
const left = (): string[] => readdirSync(world.host.layout.snapshotsDir);

test("owners, modes, links, holes and what was deleted of the template come along", { skip: CANNOT_RUN }, async () => {
  let source = await world.launch();
  await source.sh(
    "cd /root && echo a > plain && chmod 4755 plain && ln plain hard && ln -s plain soft && mkfifo pipe && " +
      "dd if=/dev/zero of=sparse bs=1 count=1 seek=8M 2> /dev/null && rm /etc/passwd && mkdir -p /opt/x && rm -r /workspace && mkdir /workspace",
  );
  const look = "cd /root && stat -c '%n %a %u %g %h %s %F' * && ls -a /workspace /etc && cat soft hard";
  const expected = await source.try(look);
  assert.match(expected.stdout, /^hard 4755 0 0 2 2 regular file$/m);
  // The second is a snapshot of what began with the first.
  for (let depth = 1; depth <= 2; depth += 1) {
    const id = newId();
    await powerOf(world.driver).take(source.handle, id);
    assert.ok(readSnapshot(world.host.layout, id).sizeBytes < 4 * 1024 * 1024, "holes take no disk");
    const made = await world.launch({ snapshotId: id });
    assert.deepEqual(await made.try(look), expected);
    await world.driver.destroy(source.id);
    await powerOf(world.driver).remove(id);
    source = made;
  }
  await world.driver.destroy(source.id);
  assert.deepEqual(left(), []);
});

async function beginWithMoreThanTheLimit({ launch, driver }: OciWorld): Promise<void> {
  const source = await launch({ diskMb: 64 });
  await source.sh("dd if=/dev/urandom of=/root/big bs=1M count=40 2> /dev/null && sync");
  const id = newId();
  await powerOf(driver).take(source.handle, id);
  const made = await launch({ snapshotId: id, diskMb: 32 });
  await made.sh("dd if=/dev/urandom of=/root/more bs=1M count=20 2> /dev/null && sync");
  assert.notEqual((await made.try("dd if=/dev/urandom of=/root/beyond bs=1M count=20 && sync")).code, 0);
  for (const capsule of [made, source]) await driver.destroy(capsule.id);
  await powerOf(driver).remove(id);
}

test("what a capsule began with does not count against its disk, and what it writes does", { skip: CANNOT_RUN }, () =>
  beginWithMoreThanTheLimit(world),
);

test("nor does it in a store of a kernel without simple quotas", { skip: CANNOT_RUN }, async () => {
  const older = await createOciWorld("full");
  try {
    assert.ok(older.host.countsShared, "the kernel keeps to the quotas that the store was made with");
    await beginWithMoreThanTheLimit(older);
  } finally {
    await older.close();
  }
});

test("where the store cannot share blocks, snapshots and what begins with them are copies", { skip: CANNOT_RUN }, async () => {
  const plain = createDriver(world.options, async () => ({ ...world.host, store: "plain" }));
  const spec = specOf();
  const source = connect(plain, await plain.launch(spec, new AbortController().signal), spec);
  await source.sh("echo kept > /root/file; ln /root/file /root/link");
  const id = newId();
  await powerOf(plain).take(source.handle, id);
  const [whole, part] = [world.host.layout.storeDir, snapshotPaths(world.host.layout, id).dir];
  const { launcher } = world.host;
  assert.deepEqual(await launcher.subvolumeOf(part), await launcher.subvolumeOf(whole), "it is a directory, no subvolume");
  const like = specOf({ snapshotId: id });
  const made = connect(plain, await plain.launch(like, new AbortController().signal), like);
  assert.equal(await made.sh("cat /root/file; stat -c %h /root/link"), "kept\n2\n");
  for (const capsule of [made, source]) {
    capsule.link.close();
    await plain.destroy(capsule.id);
  }
  await powerOf(plain).remove(id);
  assert.deepEqual(left(), []);
});

test("what a server left that was killed half-way is listed and can be removed", { skip: CANNOT_RUN }, async () => {
  const { snapshotsDir } = world.host.layout;
  const ids = [newId(), newId(), newId()];
  const [half = "", facts = "", going = ""] = ids;
  for (const name of [half, `.going-${going}`]) mkdirSync(join(snapshotsDir, name, "u"), { recursive: true });
  writeFileSync(join(snapshotsDir, `${facts}.json.new`), "{");
  assert.deepEqual([...(await powerOf(world.driver).list())].toSorted(), ids.toSorted());
  for (const id of ids) await powerOf(world.driver).remove(id);
  assert.deepEqual(left(), []);
});

test("a build of a template stays while a snapshot goes back to it", { skip: CANNOT_RUN }, async () => {
  const source = await world.launch();
  const id = newId();
  await powerOf(world.driver).take(source.handle, id);
  await world.driver.destroy(source.id);
  const used = originsInUse(world.host.layout);
  assert.deepEqual(
    used.map(({ name }) => name),
    ["tiny"],
  );
  await powerOf(world.driver).remove(id);
  assert.deepEqual(originsInUse(world.host.layout), []);
});

test("a host whose disk is full takes no snapshot, and the capsule goes on", { skip: CANNOT_RUN }, async () => {
  const source = await world.launch();
  const full = createDriver(world.options, async () => ({ ...world.host, options: { ...world.options, diskFloorMb: 1_000_000 } }));
  await assert.rejects(powerOf(full).take(source.handle, newId()), (error) => error instanceof HostFullError && error.resource === "disk");
  assert.equal(await source.sh("echo on"), "on\n");
  await world.driver.destroy(source.id);
  assert.deepEqual(left(), []);
});

test("a name that is none leads nowhere", { skip: CANNOT_RUN }, async () => {
  for (const name of ["", "..", "tp-../../etc", "tp-x", `tp-${"A".repeat(25)}`]) {
    await assert.rejects(powerOf(world.driver).remove(name));
    await assert.rejects(world.launch({ snapshotId: name }));
  }
  assert.ok(existsSync(world.host.layout.snapshotsDir));
});
