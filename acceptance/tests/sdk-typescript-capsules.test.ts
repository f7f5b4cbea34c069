import assert from "node:assert/strict";
import { Capsule, InvalidStateError, NotFoundError } from "capsuled";
import { behaviour } from "../../sdk/testing/behaviour.ts";
import { sdkCapsule, sdkClient, sdkOptions } from "../harness/sdk.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

behaviour("capsule.create", async () => {
  await using capsule = await sdkCapsule({
    template: "minimal",
    memory_mb: 256,
    envs: { GREETING: "hello" },
    metadata: { purpose: "sdk" },
  });
  assert.match(capsule.id, /^cl-/);
  assert.deepEqual([capsule.info.status, capsule.info.memory_mb, capsule.info.env_names], ["running", 256, ["GREETING"]]);
  await using slow = await sdkCapsule({ waitMs: 0 });
  assert.equal((await slow.waitUntilRunning()).status, "running");
});

behaviour("capsule.scope", async () => {
  let id = "";
  const broken = async (): Promise<void> => {
    await using capsule = await sdkCapsule();
    ({ id } = capsule);
    throw new Error("the block is left");
  };
  await assert.rejects(broken(), /the block is left/);
  const info = await Capsule.getInfo(id, sdkOptions());
  assert.deepEqual([info.status, info.reason], ["stopped", "destroyed"]);
});

behaviour("capsule.connect", async () => {
  await using capsule = await sdkCapsule();
  const again = await Capsule.connect(capsule.id, sdkOptions());
  assert.equal((await again.commands.run("echo again")).stdout, "again\n");
  await assert.rejects(Capsule.connect(`cl-${"0".repeat(25)}`, sdkOptions()), NotFoundError);
});

behaviour("capsule.info", async () => {
  await using capsule = await sdkCapsule({ name: `sdk-${process.pid}` });
  const byId = await Capsule.getInfo(capsule.id, sdkOptions());
  assert.equal(byId.name, `sdk-${process.pid}`);
  await capsule.pause();
  assert.equal(byId.status, "running", "facts do not change by themselves");
  assert.equal((await capsule.getInfo()).status, "paused");
  assert.equal(capsule.info.status, "paused");
});

behaviour("capsule.list", async () => {
  const { key } = await newTeam();
  const client = sdkClient({ apiKey: key });
  const made = await Promise.all([1, 2, 3].map((number) => client.capsules.create({ metadata: { number: String(number) } })));
  try {
    await made[0]?.pause();
    const ids = async (options: Parameters<typeof client.capsules.list>[0]): Promise<string[]> => {
      const found: string[] = [];
      for await (const { id } of client.capsules.list(options)) found.push(id);
      return found;
    };
    assert.deepEqual((await ids({ pageSize: 1 })).sort(), made.map(({ id }) => id).sort());
    assert.deepEqual(await ids({ status: "paused" }), [made[0]?.id]);
    assert.deepEqual(await ids({ metadata: { number: "2" } }), [made[1]?.id]);
  } finally {
    await Promise.all(made.map((capsule) => capsule.destroy()));
  }
});

behaviour("capsule.pause", async () => {
  await using capsule = await sdkCapsule();
  const counter = await capsule.commands.run("i=0; while :; do i=$((i+1)); echo $i > /tmp/i; sleep 0.05; done", { background: true });
  await waitUntil(async () => ((await capsule.commands.run("cat /tmp/i")).stdout === "" ? undefined : true), { what: "the counter" });
  assert.equal((await capsule.pause()).status, "paused");
  await assert.rejects(capsule.commands.run("true"), InvalidStateError);
  await assert.rejects(capsule.commands.stream("true").next(), InvalidStateError);
  assert.equal((await capsule.resume()).status, "running");
  assert.equal((await counter.info()).running, true);
});

behaviour("capsule.stop", async () => {
  await using capsule = await sdkCapsule();
  await capsule.commands.run("echo kept > /workspace/file");
  assert.equal((await capsule.stop()).status, "stopped");
  assert.equal((await capsule.start()).status, "running");
  assert.equal((await capsule.commands.run("cat /workspace/file")).stdout, "kept\n");
});

behaviour("capsule.ping", async () => {
  await using capsule = await sdkCapsule();
  const before = capsule.info.last_active_at ?? "";
  await waitUntil(
    async () => {
      await capsule.ping();
      const { last_active_at: now } = await capsule.getInfo();
      return now !== null && now > before ? true : undefined;
    },
    { what: "a later last_active_at" },
  );
});

behaviour("capsule.network", async () => {
  await using capsule = await sdkCapsule({ network: { egress: "none" } });
  assert.deepEqual(capsule.info.network, { egress: "none" });
  const policy = { egress: { allow: ["192.0.2.1"] } };
  assert.deepEqual(await capsule.network.set(policy), { egress: { allow: [{ to: "192.0.2.1", ports: [] }] } });
  const report = await capsule.network.get({ log: true });
  assert.deepEqual(report.egress, { allow: [{ to: "192.0.2.1", ports: [] }] });
});
