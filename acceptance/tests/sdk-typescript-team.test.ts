import assert from "node:assert/strict";
import { Client, ForbiddenError, UnauthorizedError } from "capsuled";
import { test } from "node:test";
import { WebSocket } from "ws";
import { behaviour } from "../../sdk/testing/behaviour.ts";
import { sdkCapsule, sdkClient, sdkOptions } from "../harness/sdk.ts";
import { newTeam } from "../harness/team.ts";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

behaviour("terminal.session", async () => {
  await using capsule = await sdkCapsule();
  const terminal = await capsule.pty.open({ cmd: "/bin/sh", cols: 100, rows: 30, envs: { PS1: "" } });
  const { tag, cols, rows } = await terminal.started;
  assert.deepEqual([cols, rows, tag.startsWith("pty-")], [100, 30, true]);
  await terminal.write('stty -echo; stty size; read line; stty size; echo "got $line"; exit 6\r');
  let text = "";
  let isResized = false;
  for await (const event of terminal) {
    if (event.type === "output") text += Buffer.from(event.bytes).toString();
    if (!isResized && text.includes("30 100\r\n")) {
      isResized = true;
      await terminal.resize(120, 40);
      await terminal.write("keys\r");
    }
    if (event.type === "exit") assert.equal(event.exit_code, 6);
  }
  assert.match(text, /30 100\r\n40 120\r\ngot keys\r\n$/);
});

behaviour("terminal.connect", async () => {
  await using capsule = await sdkCapsule();
  const first = await capsule.pty.open({ cmd: "/bin/sh", args: ["-c", "echo shown; read x; echo $x; exit 3"], tag: "mine" });
  for await (const event of first) if (event.type === "output" && Buffer.from(event.bytes).includes("shown")) break;
  const second = await capsule.pty.connect("mine");
  await second.write("typed\r");
  let text = "";
  for await (const event of second) {
    if (event.type === "output") text += Buffer.from(event.bytes).toString();
    if (event.type === "exit") assert.equal(event.exit_code, 3);
  }
  assert.equal(text, "shown\r\ntyped\r\ntyped\r\n");
  const killed = await capsule.pty.open({ cmd: "/bin/sh" });
  await killed.kill();
  assert.equal((await killed.exited).signal, "SIGKILL");
});

behaviour("event.list", async () => {
  const { key } = await newTeam();
  const client = sdkClient({ apiKey: key });
  const capsule = await client.capsules.create();
  await capsule.destroy();
  const events = await all(client.events.list({ capsule: capsule.id, order: "asc" }));
  assert.deepEqual(
    events.map(({ type }) => type),
    ["capsule.created", "capsule.running", "capsule.destroyed"],
  );
  assert.equal((await all(client.events.list({ type: "capsule.destroyed" }))).length, 1);
  assert.equal((await all(client.events.list({ since: events[0]?.id, order: "asc" })))[0]?.type, "capsule.running");
});

behaviour("access.keys", async () => {
  const { key } = await newTeam();
  const client = sdkClient({ apiKey: key });
  const made = await client.keys.create({ name: "ci", role: "member" });
  const member = sdkClient({ apiKey: made.key });
  assert.deepEqual((await member.keys.list()).map(({ name }) => name).includes("ci"), true);
  await assert.rejects(member.keys.create(), ForbiddenError);
  await client.keys.revoke(made.id);
  assert.deepEqual(
    (await client.keys.list()).some(({ id }) => id === made.id),
    false,
  );
});

behaviour("access.teams", async () => {
  const client = sdkClient();
  const slug = `sdk-${Date.now().toString(36)}`;
  const { team, key } = await client.teams.create({ name: "By the SDK", slug });
  assert.equal(team.slug, slug);
  assert.deepEqual(
    (await sdkClient({ apiKey: key.key }).teams.list()).map(({ id }) => id),
    [team.id],
  );
  assert.match(await client.teams.badge(slug), /<svg/);
});

behaviour("access.tickets", async () => {
  const client = sdkClient();
  const { ticket } = await client.createTicket({ path: "/v1/events/stream" });
  const response = await fetch(`${client.url}/v1/events/stream?ticket=${ticket}`);
  assert.equal(response.status, 200);
  await response.body?.cancel();
});

behaviour("system.health", async () => {
  const client = new Client(sdkOptions({ apiKey: null }));
  const health = await client.system.health();
  assert.deepEqual([health.status, /^\d+\.\d+\.\d+/.test(health.version)], ["ok", true]);
  assert.match(await client.system.metrics(), /^# HELP/m);
  assert.equal((await client.system.openapi())["openapi"], "3.1.0");
  assert.match(await client.system.docs(), /<html/);
});

behaviour("error.wrong-key", async () => {
  const client = sdkClient({ apiKey: `wrn_${"0".repeat(40)}` });
  await assert.rejects(client.capsules.create(), UnauthorizedError);
  await assert.rejects(all(client.events.list()), UnauthorizedError);
});

test("streams run over the WebSocket of the package ws, which Node 20 needs", async () => {
  await using made = await sdkCapsule();
  const capsule = await sdkClient({ WebSocket }).capsules.connect(made.id);
  const types: string[] = [];
  for await (const event of capsule.commands.stream("head -c 2000000 /dev/zero; exit 4")) {
    if (event.type === "exit") types.push(`exit ${event.exit_code} ${event.verified}`);
  }
  assert.deepEqual(types, ["exit 4 true"]);
});
