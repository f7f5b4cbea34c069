import assert from "node:assert/strict";
import { test } from "node:test";
import { execResult } from "@capsuled/contract";
import type { z } from "zod";
import { fail } from "../core/fail.ts";
import { AgentRefusal } from "../core/ports/agent-link.ts";
import type { ProcessEnd } from "../core/ports/agent-link.ts";
import { IDS, KEYS } from "./testing/fake-services.ts";
import { endOf } from "./testing/fake-stream.ts";
import { Pipeline } from "./testing/pipeline.ts";
import { problemOf } from "./testing/problem-shape.ts";
import type { World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";

const path = `/v1/capsules/${IDS.running}/exec`;

function ends(world: World, stdout: Uint8Array, stderr: Uint8Array, facts: Partial<ProcessEnd> = {}): void {
  const end = endOf({ stdoutBytes: stdout.length, stderrBytes: stderr.length, ...facts });
  world.services.processes.exec = async () => ({ kind: "ended", end, stdout, stderr });
}

async function run(world: World, json: object = { cmd: "x" }): Promise<z.output<typeof execResult>> {
  const response = await world.call("POST", path, { json });
  assert.equal(response.status, 200);
  return execResult.parse(await response.json());
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

test("output that is text comes as text, whatever the exit code", async () => {
  await using world = await createWorld();
  ends(world, utf8("zażółć\n"), utf8("🙂"), { exitCode: 3 });
  const result = await run(world);
  assert.deepEqual([result.stdout, result.stderr, result.encoding, result.exit_code], ["zażółć\n", "🙂", "utf-8", 3]);
});

test("when either stream is not UTF-8 both are base64", async () => {
  await using world = await createWorld();
  ends(world, utf8("text"), bytes(0xff, 0x00));
  const result = await run(world);
  assert.deepEqual([result.stdout, result.stderr, result.encoding], ["dGV4dA==", "/wA=", "base64"]);
});

test("base64 on request is given for text as well", async () => {
  await using world = await createWorld();
  ends(world, utf8("text"), utf8(""));
  assert.deepEqual((await run(world, { cmd: "x", encoding: "base64" })).stdout, "dGV4dA==");
});

test("a character cut by the process itself makes the output binary; one cut by the limit does not", async () => {
  await using world = await createWorld();
  const cut = utf8("a€").subarray(0, 3);
  ends(world, cut, utf8(""));
  assert.equal((await run(world)).encoding, "base64");
  ends(world, cut, utf8(""), { stdoutBytes: 4 });
  const result = await run(world);
  assert.deepEqual([result.stdout, result.encoding, result.stdout_truncated, result.stdout_bytes], ["a", "utf-8", true, 4]);
  assert.equal(result.stderr_truncated, false);
  ends(world, cut, utf8(""), { stdoutBytes: 4 });
  assert.equal((await run(world, { cmd: "x", encoding: "base64" })).stdout, Buffer.from(cut).toString("base64"));
});

test("the facts of a death are beside the exit code", async () => {
  await using world = await createWorld();
  ends(world, utf8(""), utf8(""), {
    exitCode: 137,
    signal: "SIGKILL",
    reason: "oom_killed",
    oomKills: 2,
    requested: { by: "key-x", signal: "SIGKILL" },
    lateBytes: 9,
  });
  const { exit_code, signal, reason, oom_kills, requested, late_bytes } = await run(world);
  assert.deepEqual(
    { exit_code, signal, reason, oom_kills, requested, late_bytes },
    { exit_code: 137, signal: "SIGKILL", reason: "oom_killed", oom_kills: 2, requested: { by: "key-x", signal: "SIGKILL" }, late_bytes: 9 },
  );
});

test("a timeout is a 504 with the output so far in details", async () => {
  await using world = await createWorld();
  ends(world, utf8("partial"), utf8(""), { reason: "timed_out", exitCode: 137, signal: "SIGKILL" });
  const error = await problemOf(await world.call("POST", path, { json: { cmd: "x" } }));
  assert.equal(error.code, "timeout");
  assert.equal(error.details?.["stdout"], "partial");
  assert.equal(error.details?.["reason"], "timed_out");
});

test("what cannot start is a 200 with 127 or 126 and the reason in stderr, in the background too", async () => {
  await using world = await createWorld();
  world.services.processes.exec = async () => ({
    kind: "not_started",
    id: `pr-${"0".repeat(25)}`,
    exitCode: 127,
    message: "nosuch: not found",
  });
  for (const json of [{ cmd: "nosuch" }, { cmd: "nosuch", background: true }]) {
    const result = await run(world, json);
    assert.deepEqual(
      [result.stderr, result.exit_code, result.reason, result.pid],
      ["capsuled: nosuch: not found\n", 127, "spawn_failed", null],
    );
  }
});

test("a background command is a 202 with pid, tag and id", async () => {
  await using world = await createWorld();
  const response = await world.call("POST", path, { json: { cmd: "x", background: true } });
  assert.equal(response.status, 202);
  assert.deepEqual(await response.json(), { pid: 42, tag: "bg-a1b2c3d4", id: `pr-${"0".repeat(25)}` });
});

test("the signal given to the command aborts when its client goes, and does not when the client gets its answer", async () => {
  await using world = await createWorld();
  const entered = Promise.withResolvers<AbortSignal>();
  world.services.processes.exec = (_principal, _id, _input, signal) => {
    entered.resolve(signal);
    return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(fail("agent_error"))));
  };
  const pipeline = await Pipeline.open(world);
  pipeline.request("POST", path, '{"cmd":"sleep"}');
  const signal = await entered.promise;
  assert.equal(signal.aborted, false);
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
  await pipeline[Symbol.asyncDispose]();
  await aborted;

  let kept: AbortSignal | undefined;
  world.services.processes.exec = async (_principal, _id, _input, given) => {
    kept = given;
    return { kind: "ended", end: endOf(), stdout: new Uint8Array(0), stderr: new Uint8Array(0) };
  };
  await using second = await Pipeline.open(world);
  second.request("POST", path, '{"cmd":"true"}');
  await second.answers(1);
  await second[Symbol.asyncDispose]();
  assert.equal((await world.call("GET", "/healthz")).status, 200);
  assert.equal(kept?.aborted, false);
});

test("a client that goes while it sends its body starts nothing", async () => {
  await using world = await createWorld();
  let started = 0;
  world.services.processes.exec = async () => {
    started += 1;
    throw fail("agent_error");
  };
  const pipeline = await Pipeline.open(world);
  pipeline.socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEYS.member}\r\nContent-Length: 100\r\n\r\n{"cmd":`);
  await pipeline[Symbol.asyncDispose]();
  assert.equal((await world.call("GET", "/v1/capsules")).status, 200);
  assert.equal(started, 0);
  assert.deepEqual(
    world.log.filter(({ level }) => level === "error"),
    [],
  );
});

test("the agent's refusals are codes of the catalogue, and what is unknown is an internal error whose cause stays in the log", async () => {
  await using world = await createWorld();
  for (const [thrown, code] of [
    [new AgentRefusal("process_limit", "no pids", null), "process_limit"],
    [new AgentRefusal("tag_in_use", "taken", "tag"), "tag_in_use"],
    [new AgentRefusal("shutting_down", "stopping", null), "invalid_state"],
    [new AgentRefusal("surprise", "secret detail", null), "agent_error"],
    [new TypeError("secret detail"), "internal_error"],
  ] as const) {
    world.services.processes.exec = () => Promise.reject(thrown);
    const response = await world.call("POST", path, { json: { cmd: "x" } });
    const text = await response.clone().text();
    assert.equal((await problemOf(response)).code, code);
    assert.equal(text.includes("secret"), false);
  }
  assert.ok(world.log.some(({ level, fields }) => level === "error" && fields["err"] instanceof TypeError));
});
