import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { API_KEY } from "@capsuled/contract";
import { expectCall, expectError, call } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import { newTeam } from "../harness/team.ts";
import { readState } from "../harness/state.ts";
import { openSocket, refusedUpgrade, startStream } from "../harness/stream.ts";
import { waitUntil } from "../harness/wait.ts";

test("a missing, malformed or unknown key is a 401 on every way to send it", async () => {
  const keys = [
    null,
    "",
    "wrn_",
    "x",
    `wrn_${"0".repeat(40)}`,
    `wrn_${"0".repeat(39)}`,
    `wrn_${"0".repeat(1000)}`,
    "wrn_'; drop table api_keys; --".padEnd(44, "0"),
  ];
  for (const key of keys) await expectError("listCapsules", "unauthorized", { key });
  const { adminKey } = readState();
  await expectError("listCapsules", "unauthorized", { key: adminKey.toUpperCase() });
  await expectError("listCapsules", "unauthorized", { key: null, headers: { authorization: `Bearer ${adminKey}x` } });
});

test(
  "a key is shown once, works, is listed without itself, and stops within 5 s of its end, open sockets included",
  { timeout: 300_000 },
  async () => {
    const made = await expectCall("createKey", 201, { body: { name: "ci" } });
    assert.match(made.key, API_KEY);
    assert.equal(made.role, "member");
    assert.equal(made.name, "ci");
    assert.ok(made.key.startsWith(made.key_prefix) && made.key_prefix.length === 10);
    const list = await expectCall("listKeys", 200);
    assert.ok(list.some(({ id }) => id === made.id));
    assert.ok(!JSON.stringify(list).includes(made.key));
    await using capsule = await newCapsule();
    await using stream = await startStream(capsule.id, { cmd: "sleep", args: ["1000"] }, { key: made.key });
    await stream.message("start");
    await expectCall("revokeKey", 204, { params: { key_id: made.id } });
    await waitUntil(async () => ((await call("listCapsules", { key: made.key })).status === 401 ? true : undefined), {
      what: "its end",
      timeoutMs: 20_000,
      everyMs: 200,
    });
    assert.equal((await stream.closed).code, 1008);
    assert.ok(!(await expectCall("listKeys", 200)).some(({ id }) => id === made.id));
  },
);

test("a member makes capsules but neither keys nor teams", async () => {
  const member = await expectCall("createKey", 201, { body: {} });
  {
    await using capsule = await newCapsule({}, member.key);
    assert.equal((await capsule.sh("echo hi")).stdout, "hi\n");
  }
  await expectError("createKey", "forbidden", { key: member.key, body: {} });
  await expectError("createTeam", "forbidden", { key: member.key, body: { name: "x" } });
  await expectError("revokeKey", "forbidden", { key: member.key, params: { key_id: member.id } });
  await expectCall("revokeKey", 204, { params: { key_id: member.id } });
});

test("a new team sees only itself, and its admin makes keys but no teams", async () => {
  const { team, key, slug } = await newTeam();
  assert.equal(team.slug, slug);
  const own = await expectCall("listTeams", 200, { key });
  assert.deepEqual(
    own.teams.map(({ id }) => id),
    [team.id],
  );
  assert.ok(
    (await expectCall("listTeams", 200)).teams.some(({ id }) => id === team.id),
    "the first team's admin sees all",
  );
  await expectError("createTeam", "forbidden", { key, body: { name: "another" } });
  const second = await expectCall("createKey", 201, { key, body: { role: "admin", name: "two" } });
  assert.equal((await expectCall("listKeys", 200, { key: second.key })).length, 2);
  await expectError("createTeam", "conflict", { body: { name: "again", slug } });
});

test("a team's last admin key cannot be revoked", async () => {
  const { key } = await newTeam();
  const [only] = await expectCall("listKeys", 200, { key });
  assert.ok(only !== undefined);
  await expectError("revokeKey", "conflict", { key, params: { key_id: only.id } });
  assert.equal((await expectCall("listKeys", 200, { key })).length, 1);
});

test("slugs that the API's own paths need are refused, as are malformed ones", async () => {
  for (const slug of ["capsules", "api-keys", "teams", "endpoints", "runs", "templates", "v1", "docs", "health"]) {
    const { status } = await call("createTeam", { body: { name: "x", slug } });
    assert.ok(status === 400 || status === 409, `${slug}: ${status}`);
  }
  for (const slug of ["", "a", "-ab", "1ab", "Ab-c", "a b", "a/b", "a".repeat(40), "é-é-é", 5])
    await expectError("createTeam", "invalid_request", { body: { name: "x", slug } });
  await expectError("createTeam", "invalid_request", { body: {} });
  await expectError("createTeam", "invalid_request", { body: { name: "x", extra: 1 } });
});

test("a key's last use is recorded", async () => {
  const made = await expectCall("createKey", 201, { body: { name: randomBytes(4).toString("hex") } });
  assert.equal(made.last_used, null);
  await expectCall("listTeams", 200, { key: made.key });
  await waitUntil(
    async () => {
      const found = (await expectCall("listKeys", 200)).find(({ id }) => id === made.id);
      return found?.last_used ?? undefined;
    },
    { what: "last_used", timeoutMs: 90_000, everyMs: 500 },
  );
  await expectCall("revokeKey", 204, { params: { key_id: made.id } });
});

test("no key and no variable's value is ever in the server's log or on its disk in the clear", async () => {
  const canary = `canary-${randomBytes(12).toString("hex")}`;
  const made = await expectCall("createKey", 201, { body: {} });
  await using capsule = await newCapsule({ envs: { CANARY: canary } });
  await capsule.sh("true", { envs: { OTHER: canary } });
  await call("exec", { key: made.key, params: { id: capsule.id }, body: { cmd: "true", envs: { BAD: canary }, timeout: -1 } });
  await using stream = await openSocket(`/v1/capsules/${capsule.id}/exec/stream`, { key: made.key });
  stream.send({ type: "start", cmd: "true", envs: { X: canary } });
  await stream.message("exit");
  await refusedUpgrade("/v1/nowhere", { key: made.key });
  const { logFile, dataDir } = readState();
  const log = readFileSync(logFile, "utf8");
  assert.ok(log.length > 100);
  assert.ok(!log.includes(canary) && !log.includes(made.key));
  const found = execFileSync(
    "bash",
    ["-c", 'cat "$0"/*.db* "$0"/*.sqlite* 2>/dev/null | grep -acE "$1" || true', dataDir, `${canary}|${made.key}`],
    { encoding: "utf8" },
  );
  assert.equal(found.trim(), "0");
  await expectCall("revokeKey", 204, { params: { key_id: made.id } });
});
