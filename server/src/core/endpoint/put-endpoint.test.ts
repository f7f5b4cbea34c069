import assert from "node:assert/strict";
import { test } from "node:test";
import { CapsuledError } from "../fail.ts";
import type { PutOutcome } from "./put-endpoint.ts";
import { readDefinition } from "./read-definition.ts";
import { endpointWorld, OWN_CAPSULE, principal } from "./testing/world.ts";

const HOOK = { command: "cat", trigger: "webhook", public: true, secret: ["first secret", "$B"], envs: { A: "1", B: "12345678" } };

function told({ warnings }: PutOutcome): readonly string[] {
  return warnings.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

/** What a refused definition is told, by field. */
async function refusedFor(written: Readonly<Record<string, unknown>>, service = endpointWorld().service): Promise<readonly string[]> {
  let problems: unknown;
  await assert.rejects(service.put(principal, "hook", written), (error) => {
    assert.ok(error instanceof CapsuledError && error.code === "invalid_request");
    problems = error.details?.["problems"];
    return true;
  });
  assert.ok(Array.isArray(problems));
  return problems.map(({ field, message }: { readonly field: string; readonly message: string }) => `${field}: ${message}`);
}

test("a secret and variables that are not sent again go, and the answer says so", async () => {
  const { service } = endpointWorld();
  await service.put(principal, "hook", HOOK);
  const { secret: _secret, envs: _envs, ...rest } = HOOK;
  assert.deepEqual(told(await service.put(principal, "hook", { ...rest, unsigned: true })), [
    "unsigned: anyone who knows the URL can run it",
    "secret: is gone: it was not sent again",
    "envs: are without A, B, not sent again",
  ]);
  assert.deepEqual(service.secretsOf(await service.get(principal, "hook")), { secrets: [], envs: {} });
});

test("a public webhook does not lose its secret by an omission", async () => {
  const { service } = endpointWorld();
  const { record } = await service.put(principal, "hook", HOOK);
  const { secret: _secret, ...rest } = HOOK;
  assert.match((await refusedFor(rest, service))[0] ?? "", /^secret: is required for a public webhook/);
  assert.deepEqual(await service.get(principal, "hook"), record);
});

test("has_secret and env_names keep what is sealed, beside what is sent anew", async () => {
  const { service } = endpointWorld();
  const { record } = await service.put(principal, "hook", HOOK);
  const { secret: _secret, envs: _envs, ...rest } = HOOK;
  const same = await service.put(principal, "hook", { ...rest, has_secret: true, env_names: ["A", "B"] });
  assert.deepEqual(same, { record, isNew: false, warnings: [] });
  const next = await service.put(principal, "hook", { ...rest, has_secret: true, env_names: ["A", "B"], envs: { A: "2" }, timeout: 5 });
  assert.deepEqual(service.secretsOf(next.record), { secrets: ["first secret", "12345678"], envs: { A: "2", B: "12345678" } });
  assert.deepEqual(next.warnings, []);
  const other = await service.put(principal, "hook", { ...rest, has_secret: true, secret: "another one", env_names: [] });
  assert.deepEqual(service.secretsOf(other.record).secrets, ["another one"]);
});

test("what cannot stay, since it is not there, is a problem; so is another name than the path's", async () => {
  assert.deepEqual(await refusedFor({ command: "x", trigger: "webhook", has_secret: true, env_names: ["A"], name: "other" }), [
    'name: is not the name in the path, "hook"',
    "has_secret: is true, and there is no secret that could stay; give `secret`",
    "env_names: A: no such variable that could stay; give it in `envs`",
  ]);
});

test("all that is wrong with a definition is told at once, in words, with what may have been meant", async () => {
  const found = await refusedFor({
    command: "a | b",
    comand: "x",
    timeout: 500,
    vcpus: "two",
    envs: { A: 1 },
    args: [{ name: "a", typ: "x" }, 5],
    method: "GRAB",
    memory_mb: 1,
    notify_url: "x",
    transformer: { type: "regex", patern: "a" },
    template: "minimal",
    capsule: "cl-x",
    has_secret: "yes",
  });
  assert.deepEqual(
    found.toSorted(),
    [
      "command: `|` at character 3 needs shell: true (or quotes, to mean the character)",
      "args.0.typ: is not a known field; did you mean type?",
      "args.1: must be an object with fields",
      "envs.A: must be text",
      "memory_mb: must be at least 32",
      "method: must be one of GET, POST, PUT, PATCH, DELETE",
      "notify_url: must be a URL, with http:// or https://",
      "transformer.pattern: is required",
      "transformer.patern: is not a known field; did you mean pattern?",
      "vcpus: must be a number",
      "comand: is not a known field; did you mean command?",
      "capsule: give either `template` or `capsule`",
      "has_secret: must be true or false",
      "timeout: is more than the server's bound of 120 s",
    ].toSorted(),
  );
});

test("a capsule that is not there is taken with a warning, since it may have gone at any time", async () => {
  const { service } = endpointWorld();
  assert.match(
    told(await service.put(principal, "a", { command: "x", capsule: `cl-${"0".repeat(25)}` }))[0] ?? "",
    /^capsule: does not exist.*capsule_gone/,
  );
  assert.deepEqual(told(await service.put(principal, "b", { command: "x", capsule: OWN_CAPSULE })), []);
});

test("of very many unknown fields only the first ones are compared with the known, and named", async () => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`commandd${index % 10}${index}`, 1]));
  const found = await refusedFor({ command: "x", ...many });
  assert.equal(found.length, 20);
  const others = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`x${index}`, 1]));
  const outcome = readDefinition({ command: "x", ...others, comand: 1 });
  assert.deepEqual(outcome.problems.at(-1), { path: ["comand"], message: "is not a known field", isUnknown: true });
});

test("very many problems are found in time that grows with their number only", { timeout: 120_000 }, () => {
  // Looking at each problem for each other one would take hours.
  const envs = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`A${index}`, 1]));
  assert.equal(readDefinition({ command: "x", envs }).problems.length, 200_000);
});
