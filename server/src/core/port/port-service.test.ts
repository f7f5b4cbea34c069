import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@capsuled/contract";
import { nodeHmac } from "../../lib/node/hmac.ts";
import { createCapsule, eventsOf } from "../../testing/ask.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import { AgentLostError } from "../ports/agent-link.ts";
import { askAgent } from "./ask-agent.ts";
import { createPortService } from "./create-port-service.ts";
import type { PortService } from "./service.ts";

function portsOf(world: World): PortService {
  return createPortService({ ...world.deps, hmac: nodeHmac, tokenKey: new Uint8Array(32) });
}

test("a link is good until it expires, for its own port, in every state of the capsule", async () => {
  const world = await createWorld();
  const ports = portsOf(world);
  const { id } = await createCapsule(world);
  const { token, expiresAt } = await ports.sign(world.principal, id, 80, 60);
  assert.equal(expiresAt, world.clock.now() + 60_000);
  assert.equal((await ports.openSigned(token, id, 80)).port, 80);
  await assert.rejects(ports.openSigned(token, id, 81), { code: "unauthorized" });
  world.clock.advance(59_999);
  assert.equal(ports.expiryOf(token, id, 80), expiresAt);
  world.clock.advance(1);
  assert.equal(ports.expiryOf(token, id, 80), undefined);
  await assert.rejects(ports.openSigned(token, id, 80), { code: "unauthorized" });
  await world.close();
});

test("another team gets no link, no port and no list of a capsule: it is not there", async () => {
  const world = await createWorld();
  const ports = portsOf(world);
  const { id } = await createCapsule(world);
  const other = { ...world.principal, teamId: `team-${"z".repeat(25)}` };
  for (const asked of [
    ports.open(other, id, 80),
    ports.sign(other, id, 80, 60),
    ports.list(other, id),
    ports.setPublic(other, id, 80, true),
  ])
    await assert.rejects(asked, { code: "not_found" });
  await world.close();
});

test("a paused capsule stays paused for a request, which is told how it can be woken, unless it was created to be", async () => {
  const world = await createWorld();
  const ports = portsOf(world);
  const { id } = await createCapsule(world);
  await world.capsules.pause(world.principal, id);
  await assert.rejects(ports.open(world.principal, id, 80), {
    code: "invalid_state",
    message: /resume lets it go on\. .*auto_resume/,
    details: { status: "paused", state: "paused" },
  });
  assert.equal((await world.capsules.get(world.principal, id)).state, "paused");
  await world.close();
});

test("many requests at once wake a capsule once, and each gets its port", async () => {
  const world = await createWorld();
  const ports = portsOf(world);
  const { id } = await createCapsule(world, { auto_resume: true, public_ports: [80] });
  for (const round of [1, 2]) {
    await world.capsules.pause(world.principal, id);
    const { token } = await ports.sign(world.principal, id, 81, 60);
    const opened = await Promise.all([
      ...Array.from({ length: 20 }, () => ports.open(world.principal, id, 80)),
      ...Array.from({ length: 20 }, () => ports.openPublic(id, 80)),
      ...Array.from({ length: 20 }, () => ports.openSigned(token, id, 81)),
    ]);
    assert.equal(opened.length, 60);
    assert.equal((await world.capsules.get(world.principal, id)).state, "running");
    const resumed = (await eventsOf(world, id)).filter(({ type }) => type === "capsule.resumed");
    assert.equal(resumed.length, round);
  }
  await world.close();
});

test("whoever wakes it without a key is told in the event as the port, not as a key", async () => {
  const world = await createWorld();
  const ports = portsOf(world);
  const { id } = await createCapsule(world, { auto_resume: true, public_ports: [80] });
  await world.capsules.pause(world.principal, id);
  await ports.openPublic(id, 80);
  const resumed = (await eventsOf(world, id)).find(({ type }) => type === "capsule.resumed");
  assert.deepEqual(resumed?.actor, { type: "system", id: "port" });
  await world.close();
});

test("requests that meet a pause under way wake the capsule behind it", async () => {
  const world = await createWorld();
  const ports = portsOf(world);
  const { id } = await createCapsule(world, { auto_resume: true });
  const paused = world.capsules.pause(world.principal, id);
  const opened = ports.open(world.principal, id, 80);
  await paused.catch(() => {});
  await opened;
  await world.capsules.pause(world.principal, id).catch(() => {});
  await ports.open(world.principal, id, 80);
  assert.equal((await world.capsules.get(world.principal, id)).state, "running");
  await world.close();
});

test("a stopped or destroyed capsule is not woken", async () => {
  const world = await createWorld();
  const ports = portsOf(world);
  const { id } = await createCapsule(world, { auto_resume: true });
  await world.capsules.stop(world.principal, id);
  await assert.rejects(ports.open(world.principal, id, 80), { code: "invalid_state" });
  await world.capsules.destroy(world.principal, id);
  await assert.rejects(ports.open(world.principal, id, 80), { code: "invalid_state" });
  await world.close();
});

test("what is open to a port counts as activity until it ends, once", async () => {
  const world = await createWorld();
  const ports = portsOf(world);
  const { id } = await createCapsule(world);
  const live = world.deps.live.get(id);
  assert.ok(live !== undefined);
  const end = (await ports.open(world.principal, id, 80)).begin();
  assert.equal(live.busy, 1);
  world.clock.advance(5000);
  end();
  end();
  assert.deepEqual([live.busy, live.lastActiveAt], [0, world.clock.now()]);
  await world.close();
});

test("a question that a pause froze is refused as one to a paused capsule, not as a failure of its agent", async () => {
  const world = await createWorld();
  const ports = portsOf(world);
  const { id } = await createCapsule(world);
  const live = world.deps.live.get(id);
  assert.ok(live !== undefined);
  const target = await ports.open(world.principal, id, 80);
  await world.capsules.pause(world.principal, id);
  const lost = Promise.reject(new AgentLostError("no answer"));
  await assert.rejects(
    askAgent(world.deps, live, lost, (error) => error),
    { code: "invalid_state" },
  );
  await assert.rejects(target.dial());
  await world.close();
});

test("nothing listens in a fake capsule: to dial is 502, and says so", async () => {
  const world = await createWorld();
  const ports = portsOf(world);
  const { id } = await createCapsule(world);
  const target = await ports.open(world.principal, id, 80);
  await assert.rejects(target.dial(), { code: "port_unavailable", message: "Nothing listens on port 80 of the capsule." });
  await world.close();
});

test("public ports are set at the creation and after it, over a restart of the server too, and bounded", async () => {
  let world = await createWorld();
  const { id } = await createCapsule(world, { public_ports: [80] });
  let ports = portsOf(world);
  assert.deepEqual([ports.isPublic(id, 80), ports.isPublic(id, 81)], [true, false]);
  await ports.setPublic(world.principal, id, 81, true);
  await ports.setPublic(world.principal, id, 81, true);
  await ports.setPublic(world.principal, id, 80, false);
  await assert.rejects(ports.openPublic(id, 80), { code: "unauthorized" });
  world = await world.restart();
  ports = portsOf(world);
  assert.deepEqual((await world.capsules.get(world.principal, id)).publicPorts, [81]);
  assert.deepEqual([ports.isPublic(id, 80), ports.isPublic(id, 81)], [false, true]);
  for (let port = 1; port < LIMITS.publicPortsMax; port += 1) await ports.setPublic(world.principal, id, port, true);
  await assert.rejects(ports.setPublic(world.principal, id, 1000, true), { code: "invalid_request" });
  await ports.setPublic(world.principal, id, 81, true);
  await world.capsules.destroy(world.principal, id);
  await assert.rejects(ports.setPublic(world.principal, id, 1, true), { code: "invalid_state" });
  assert.equal(ports.isPublic(id, 81), false, "without a machine there is nothing to reach");
  await world.close();
});
