import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { schemas } from "capsuled";
import { ConflictError, InvalidRequestError, NotFoundError } from "capsuled";
import { behaviour } from "../../sdk/testing/behaviour.ts";
import { property } from "../harness/call.ts";
import { cuttingProxy } from "../harness/cutting-proxy.ts";
import { programEntries } from "../harness/image-build.ts";
import { imageOf, layoutArchive } from "../harness/image.ts";
import { sdkCapsule, sdkClient, through } from "../harness/sdk.ts";
import { tarOf } from "../harness/tar.ts";
import { newTeam } from "../harness/team.ts";

behaviour("file.read-write", async () => {
  await using capsule = await sdkCapsule();
  const { files } = capsule;
  const bytes = randomBytes(3_000_000);
  await files.write("/workspace/a/b/data", bytes, { mode: "600" });
  assert.ok(Buffer.from(await files.read("/workspace/a/b/data")).equals(bytes));
  await files.write("note.txt", "höllo\n");
  assert.equal(await files.readText("~/note.txt"), "höllo\n");
  await assert.rejects(files.write("note.txt", "other", { exclusive: true }), ConflictError);
  let left = 5;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left === 0) return controller.close();
      left -= 1;
      controller.enqueue(new Uint8Array(100_000).fill(left));
    },
  });
  await files.write("/tmp/streamed", stream);
  let read = 0;
  for await (const piece of await files.readStream("/tmp/streamed")) read += piece.length;
  assert.equal(read, 500_000);
  const url = await files.downloadUrl("note.txt");
  assert.equal(await (await fetch(url)).text(), "höllo\n");
  await assert.rejects(files.read("/no/such"), NotFoundError);
});

behaviour("file.change", async () => {
  await using capsule = await sdkCapsule();
  const { files } = capsule;
  assert.equal((await files.makeDirectory("/workspace/d/e")).type, "directory");
  await files.write("/workspace/d/one", "1");
  assert.equal((await files.move("/workspace/d/one", "/workspace/d/e/two")).name, "two");
  assert.equal((await files.copy("/workspace/d", "/workspace/f")).type, "directory");
  const names: string[] = [];
  for await (const { path } of files.list("/workspace/f", { depth: 3 })) names.push(path);
  assert.deepEqual(names, ["/workspace/f/e", "/workspace/f/e/two"]);
  assert.equal((await files.chmod("/workspace/f/e/two", { mode: "755" })).permissions, "-rwxr-xr-x");
  assert.equal((await files.stat("/workspace/f/e/two")).size, 1);
  await files.remove("/workspace/f");
  assert.deepEqual([await files.exists("/workspace/f"), await files.exists("/workspace/d")], [false, true]);
});

behaviour("file.archive", async () => {
  await using capsule = await sdkCapsule();
  const { files } = capsule;
  const bytes = randomBytes(2_000_000);
  await files.write("/workspace/in/data", bytes);
  (await capsule.commands.run("ln -s data /workspace/in/link; mkfifo /workspace/in/fifo")).orThrow();
  const archive = Buffer.from(await new Response(await files.readArchive("/workspace/in")).arrayBuffer());
  const options = { uid: 1000, gid: 1000 };
  assert.deepEqual(await files.writeArchive("/workspace/out", await files.readArchive("/workspace/in"), options), {
    entries: 2,
    bytes: bytes.length,
  });
  assert.ok(Buffer.from(await files.read("/workspace/out/link")).equals(bytes));
  assert.equal((await files.stat("/workspace/out/link")).symlink_target, "data");
  assert.equal((await files.stat("/workspace/out/data")).uid, 1000);
  assert.equal((await files.writeArchive("/workspace/again", archive)).entries, 2);
  const fetched = await fetch(await files.archiveUrl("/workspace/in"));
  assert.ok(Buffer.from(await fetched.arrayBuffer()).equals(archive));
  await assert.rejects(files.writeArchive("/workspace/bad", archive.subarray(0, 5000)), InvalidRequestError);
  await assert.rejects(files.readArchive("/no/such"), NotFoundError);
});

behaviour("file.watch", async () => {
  await using capsule = await sdkCapsule();
  const { files } = capsule;
  await files.makeDirectory("/workspace/seen/below");
  const seen: string[] = [];
  for await (const change of files.watch("/workspace/seen", { recursive: true })) {
    if (change.type !== "attributes_changed") seen.push("path" in change ? `${change.type} ${change.path}` : change.type);
    if (change.type === "watching") await files.write("/workspace/seen/below/a", "a");
    if (change.type === "created") await files.move("/workspace/seen/below/a", "/workspace/seen/b");
    if (change.type === "renamed") await files.remove("/workspace/seen");
    if (change.type === "ended") assert.equal(change.reason, "removed");
  }
  assert.deepEqual(seen.slice(0, 3), ["watching", "created /workspace/seen/below/a", "renamed /workspace/seen/b"]);
  assert.equal(seen.at(-1), "ended");
  await assert.rejects(files.watch("/workspace/seen").next(), NotFoundError);
  // Each connection but the last is cut after a few changes.
  await using proxy = await cuttingProxy((connection) => (connection < 3 ? 1500 : null));
  const cut = await through(proxy.url, capsule);
  const types = new Set<string>();
  let written = 0;
  for await (const change of cut.files.watch("/workspace")) {
    types.add(change.type);
    if (change.type === "overflow") break;
    if (change.type === "watching" || change.type === "created") await files.write(`/workspace/${(written += 1)}`, "x");
  }
  assert.deepEqual([...types].sort(), ["created", "overflow", "watching"]);
  // What was left takes none of the capsule's 16 places.
  for (let turn = 0; turn < 20; turn += 1) for await (const { type } of files.watch("/workspace")) if (type === "watching") break;
  const page = new WebSocket(await files.watchUrl("/workspace", { recursive: true }));
  const told = await new Promise((done, failed) => {
    page.onmessage = ({ data }) => done(JSON.parse(String(data)));
    page.onerror = failed;
  });
  page.close();
  assert.equal(property(told, "type"), "watching");
});

behaviour("snapshot.create", async () => {
  const { key } = await newTeam();
  const client = sdkClient({ apiKey: key });
  await using capsule = await client.capsules.create();
  await capsule.files.write("/workspace/kept", "yes");
  const { name } = await capsule.snapshot({ name: "with-a-file" });
  assert.ok((await client.templates.list({ type: "snapshot" })).some((one) => one.name === name));
  {
    await using other = await client.capsules.create({ template: name });
    assert.equal(await other.files.readText("/workspace/kept"), "yes");
  }
  await client.templates.delete(name);
  assert.deepEqual(await client.templates.list({ type: "snapshot" }), []);
});

behaviour("template.build", async () => {
  const { key } = await newTeam();
  // The log is read over a connection that is cut.
  await using proxy = await cuttingProxy((connection) => (connection > 3 ? null : 300));
  const client = sdkClient({ apiKey: key });
  const far = sdkClient({ apiKey: key, url: proxy.url });
  const name = "from-a-recipe";
  const begun = await client.templates.build({
    name,
    memory_mb: 96,
    steps: [{ run: "for i in 1 2 3; do echo $i; sleep 0.3; done" }],
    envs: { WHO: "recipe" },
  });
  const log: schemas.BuildLogEntry[] = [];
  for await (const entry of far.templates.buildLog(begun.id)) log.push(entry);
  assert.equal(log.flatMap((entry) => (entry.type === "output" ? [entry.data] : [])).join(""), "1\n2\n3\n");
  const end = log.at(-1);
  assert.equal(end?.type === "end" && end.state, "ready");
  {
    await using capsule = await client.capsules.create({ template: name });
    assert.equal((await capsule.commands.run("echo $WHO")).stdout, "recipe\n");
  }
  await client.templates.delete(name);
  const failing = await client.templates.build({ name, memory_mb: 96, steps: [{ run: "exit 4" }], wait_ms: 60_000 });
  assert.deepEqual([failing.state, failing.error?.step, failing.error?.exit_code], ["failed", 1, 4]);
  const endless = await client.templates.build({ name, memory_mb: 96, steps: [{ run: "sleep 1000" }] });
  assert.equal((await client.templates.cancelBuild(endless.id)).state, "cancelled");
  assert.equal((await client.templates.getBuild(endless.id)).reason, "cancelled");
  assert.deepEqual(
    (await client.templates.builds({ limit: 2 })).map(({ id }) => id),
    [endless.id, failing.id],
  );
});

behaviour("image.upload", async () => {
  const { key } = await newTeam();
  const client = sdkClient({ apiKey: key });
  const archive = layoutArchive(imageOf({ layers: [tarOf(programEntries(["sh", "cat"]))], config: { Env: ["PATH=/bin", "OF=image"] } }));
  const uploaded = await client.images.upload(new Uint8Array(archive));
  assert.deepEqual([uploaded.size_bytes, uploaded.id.slice(0, 3)], [archive.length, "im-"]);
  const pieces = new Blob([new Uint8Array(archive)]).stream();
  assert.equal((await client.images.upload(pieces)).id, uploaded.id);
  const name = "of-an-image";
  const built = await client.templates.build({ name, from: { image: { archive: uploaded.id } }, wait_ms: 60_000 });
  assert.equal(built.state, "ready", built.message ?? "");
  {
    await using capsule = await client.capsules.create({ template: name });
    assert.equal((await capsule.commands.run("echo $OF")).stdout, "image\n");
  }
  await client.templates.delete(name);
  await client.images.delete(uploaded.id);
  await assert.rejects(client.images.delete(uploaded.id), NotFoundError);
  await assert.rejects(client.images.upload(new Uint8Array(2000)), InvalidRequestError);
});

behaviour("snapshot.fork", async () => {
  await using capsule = await sdkCapsule();
  await capsule.files.write("/workspace/kept", "yes");
  const forks = await capsule.fork({ count: 2 });
  try {
    for (const fork of forks) assert.equal((await fork.commands.run("cat /workspace/kept")).stdout, "yes");
    assert.equal(forks.length, 2);
  } finally {
    await Promise.all(forks.map((fork) => fork.destroy()));
  }
});

behaviour("capsule.metrics", async () => {
  await using capsule = await sdkCapsule();
  const metrics = await capsule.metrics({ range: "5m" });
  assert.deepEqual([metrics.sandbox_id, metrics.range, Array.isArray(metrics.points)], [capsule.id, "5m", true]);
  assert.ok((await sdkClient().capsules.stats()).current.running_count >= 1);
});
