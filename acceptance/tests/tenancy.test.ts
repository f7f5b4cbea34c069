import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { OPERATION_LIST, OPERATIONS } from "@capsuled/contract";
import type { Operation, OperationId } from "@capsuled/contract";
import { call, expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { refusedUpgrade } from "../harness/stream.ts";
import { newTeam } from "../harness/team.ts";
import type { TestTeam } from "../harness/team.ts";

/** Ids of the right form that nobody has. */
const NOBODYS = {
  port: "3000",
  id: "cl-0000000000000000000000000",
  key_id: "key-0000000000000000000000000",
  selector: "pr-0000000000000000000000000",
  run: "run-0000000000000000000000000",
  build: "bd-0000000000000000000000000",
  owner: "nobody-at-all",
  name: "nothing-at-all",
};
/** Operations that name no object: each has a test of its own below or elsewhere. */
const WITHOUT_OBJECT = new Set<string>([
  "createCapsule",
  "listCapsules",
  "listKeys",
  "createKey",
  "listTeams",
  "createTeam",
  "listEvents",
  "streamEvents",
  "listEndpoints",
  "importEndpoints",
  "listRuns",
  "getCapsuleStats",
  "getUsage",
  "createSnapshot",
  "uploadImage",
  "listSnapshots",
  "createTemplate",
  "listTemplateBuilds",
  "createTicket",
  "getHealth",
  "getMetrics",
  "getOpenapi",
  "getDocs",
]);
/** Operations whose names are each team's own, so that another team's request is about another thing; and what anybody may see. */
const OWN_NAMES = new Set<string>(["putEndpoint", "deleteEndpoint", "getTeamBadge"]);
/** A valid body for each operation that reads one, so that only the object can be at fault. */
const FILE = { path: "/etc/hostname" };
const BODIES: Readonly<Record<string, unknown>> = {
  exec: { cmd: "true" },
  writeFile: "bytes",
  streamWriteFile: "bytes",
  readFile: FILE,
  streamReadFile: FILE,
  listFiles: FILE,
  statFile: FILE,
  makeDirectory: FILE,
  removeFile: FILE,
  moveFile: { from: "/etc/hostname", to: "/root/moved" },
  copyFile: { from: "/etc/hostname", to: "/root/copied" },
  readArchive: FILE,
  writeArchive: "\0".repeat(1024),
  changeFileMode: { ...FILE, mode: "600" },
  resumeCapsule: {},
  startCapsule: {},
  setCapsuleNetwork: { egress: "none" },
  forkCapsule: {},
  setPortAccess: { public: true },
  createPortUrl: {},
};
/** The same for operations that take it in their query. */
const QUERIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  writeFile: FILE,
  streamWriteFile: FILE,
  downloadFile: FILE,
  downloadArchive: FILE,
  writeArchive: FILE,
  watchFiles: FILE,
  streamFileChanges: FILE,
};

let other: TestTeam;
let owner: TestTeam;
let capsule: TestCapsule;
let real: typeof NOBODYS;

before(async () => {
  owner = await newTeam();
  other = await newTeam();
  capsule = await newCapsule({ name: "private", metadata: { who: "owner" } }, owner.key);
  const started = await capsule.background({ cmd: "sleep", args: ["1000"], tag: "private" });
  const [key] = await expectCall("listKeys", 200, { key: owner.key });
  assert.ok(key !== undefined);
  const name = "private-endpoint";
  await expectCall("putEndpoint", 201, { key: owner.key, params: { name }, body: { command: "echo private", capsule: capsule.id } });
  const called = await call("callEndpoint", {
    key: owner.key,
    params: { owner: owner.team.slug, name },
    headers: { accept: "application/json" },
  });
  assert.equal(called.status, 200, JSON.stringify(called.body));
  await expectCall("createSnapshot", 201, { key: owner.key, body: { capsule_id: capsule.id, name } });
  const build = await expectCall("createTemplate", 202, { key: owner.key, body: { name: "private-template", wait_ms: 60_000 } });
  assert.equal(build.state, "ready", build.message ?? "");
  const run = called.headers.get("x-run-id");
  assert.ok(run !== null);
  real = { port: "3000", id: capsule.id, key_id: key.id, selector: started.id, run, build: build.id, owner: owner.team.slug, name };
});
after(async () => {
  await expectCall("deleteSnapshot", 204, { key: owner.key, params: { name: real.name } });
  await expectCall("deleteSnapshot", 204, { key: owner.key, params: { name: "private-template" } });
  await capsule[Symbol.asyncDispose]();
});

test("the walk covers every operation of the contract", () => {
  const withObject = OPERATION_LIST.filter(({ path }) => path.includes("{"));
  assert.ok(withObject.length >= 12, `only ${withObject.length} operations name an object`);
  assert.deepEqual(
    OPERATION_LIST.filter(({ path }) => !path.includes("{"))
      .map(({ id }) => id)
      .sort(),
    [...WITHOUT_OBJECT].sort(),
  );
});

for (const operation of OPERATION_LIST.filter(({ id, path }) => path.includes("{") && !OWN_NAMES.has(id))) {
  test(`${operation.id} with another team's key answers exactly as for an object that does not exist`, async () => {
    for (const prefix of ["", "/api"] as const) {
      const foreign = await answerFor(operation, real, other.key, prefix);
      const unknown = await answerFor(operation, NOBODYS, other.key, prefix);
      assert.equal(foreign.status, 404, foreign.text);
      assert.deepEqual(foreign, unknown);
    }
  });
}

test("each operation of the walk succeeds for its owner, so the 404s above are about the team", async () => {
  assert.equal((await capsule.get()).status, "running");
  assert.ok(
    (await capsule.processes()).some(({ id }) => id === real.selector),
    "nothing the other team sent has touched it",
  );
  assert.equal((await capsule.sh("echo mine")).stdout, "mine\n");
  assert.equal((await expectCall("listKeys", 200, { key: owner.key })).length, 1);
});

test("lists show nothing of another team's, whatever is asked for", async () => {
  const questions: Record<string, string>[] = [
    {},
    { limit: "100" },
    { status: "running" },
    { "metadata.who": "owner" },
    { limit: "1", "metadata.who": "owner" },
  ];
  for (const query of questions) {
    assert.ok(!JSON.stringify(await expectCall("listCapsules", 200, { key: other.key, query })).includes(real.id));
  }
  assert.ok(!JSON.stringify(await expectCall("listEvents", 200, { key: other.key })).includes(real.id));
  assert.ok(JSON.stringify(await expectCall("listEvents", 200, { key: owner.key })).includes(real.id), "the owner sees its own");
  assert.ok(!JSON.stringify(await expectCall("listKeys", 200, { key: other.key })).includes(real.key_id));
  assert.deepEqual(await expectCall("listTemplateBuilds", 200, { key: other.key }), []);
  assert.equal((await expectCall("listTemplateBuilds", 200, { key: owner.key })).length, 1, "the owner sees its own");
  await expectError("createTemplate", "not_found", { key: other.key, body: { name: "theirs", from: { template: "private-template" } } });
  assert.deepEqual((await expectCall("listEndpoints", 200, { key: other.key })).items, []);
  assert.deepEqual((await expectCall("listRuns", 200, { key: other.key })).items, []);
  assert.ok(JSON.stringify(await expectCall("listRuns", 200, { key: owner.key })).includes(real.run), "the owner sees its own");
  assert.deepEqual(
    (await expectCall("listTeams", 200, { key: other.key })).teams.map(({ id }) => id),
    [other.team.id],
  );
});

test("another team's cursor leads nowhere of that team's", async () => {
  await using second = await newCapsule({}, owner.key);
  const page = await expectCall("listCapsules", 200, { key: owner.key, query: { limit: "1" } });
  assert.ok(!Array.isArray(page) && page.next_cursor !== null, second.id);
  const answer = await call("listCapsules", { key: other.key, query: { limit: "10", cursor: page.next_cursor } });
  assert.ok(!JSON.stringify(answer.body).includes("cl-"), JSON.stringify(answer.body));
});

test("two capsules of two teams may use one tag, and a tag reaches only its own capsule", async () => {
  await using mine = await newCapsule({}, other.key);
  const started = await mine.background({ cmd: "sleep", args: ["1000"], tag: "private" });
  await expectCall("killProcess", 204, { key: other.key, params: { id: mine.id, selector: "private" } });
  assert.notEqual(started.id, real.selector);
  assert.ok((await capsule.processes()).some(({ tag }) => tag === "private"));
});

/** What `{id}` stands for in the path. */
function objectOf({ path }: Operation, { id, run, build }: typeof NOBODYS): string {
  if (path.startsWith("/v1/runs/")) return run;
  return path.startsWith("/v1/templates/builds/") ? build : id;
}

interface Comparable {
  readonly status: number;
  readonly text: string;
  readonly headers: readonly string[];
}

/** The answer with ids that differ by nature taken out: the request's own, and those asked for. */
async function answerFor(operation: Operation, params: typeof NOBODYS, key: string, prefix: "" | "/api"): Promise<Comparable> {
  const anonymous = (text: string): string =>
    text
      .replaceAll(/req-[0-9a-z]+/g, "REQUEST")
      .replaceAll(params.id, "ID")
      .replaceAll(params.key_id, "KEY")
      .replaceAll(params.selector, "SELECTOR")
      .replaceAll(params.run, "RUN")
      .replaceAll(params.build, "BUILD");
  const named = { ...params, id: objectOf(operation, params) };
  if (operation.socket !== undefined) {
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => String(Reflect.get(params, name)));
    const query = new URLSearchParams(QUERIES[operation.id]).toString();
    const refused = await refusedUpgrade(`${prefix}${path}?${query}`, { key });
    return { status: refused.status, text: anonymous(refused.body), headers: [] };
  }
  const id = idOf(operation);
  const body = BODIES[id];
  const query = QUERIES[id] ?? {};
  const answer = await call(id, { key, params: named, query, prefix, ...(body === undefined ? {} : { body }) });
  const headers = [...answer.headers.keys()].sort();
  return { status: answer.status, text: anonymous(JSON.stringify(answer.body)), headers };
}

function idOf(operation: Operation): OperationId {
  const found = Object.keys(OPERATIONS).find((id): id is OperationId => id === operation.id);
  assert.ok(found !== undefined);
  return found;
}
