import assert from "node:assert/strict";
import test from "node:test";
import type { CapsuleState } from "../core/capsule/state.ts";
import { createMetrics } from "./metrics.ts";

const none = async (): Promise<ReadonlyMap<CapsuleState, number>> => new Map();

test("requests, sockets, execs and agent errors are counted by their labels", async () => {
  const metrics = createMetrics({ countCapsules: none, loopsStanding: () => 0 });
  metrics.answered("exec", 200, null, 0.0007);
  metrics.answered("exec", 404, "not_found", 0.0001);
  metrics.socketOpened("execStream");
  metrics.socketOpened("execStream");
  metrics.socketClosed("execStream", 4000);
  metrics.execEnded("foreground", "timed_out");
  metrics.agentFailed("agent_error");
  const { text, contentType } = await metrics.render();
  assert.match(contentType, /^text\/plain/);
  for (const line of [
    'capsuled_http_requests_total{operation="exec",status="200",code="none",category="none"} 1',
    'capsuled_http_requests_total{operation="exec",status="404",code="not_found",category="client"} 1',
    'capsuled_http_request_duration_seconds_bucket{le="0.001",operation="exec"} 2',
    'capsuled_sockets_open{operation="execStream"} 1',
    'capsuled_sockets_closed_total{operation="execStream",close="slow_consumer"} 1',
    'capsuled_execs_total{mode="foreground",outcome="timed_out"} 1',
    'capsuled_agent_errors_total{code="agent_error"} 1',
  ]) {
    assert.ok(text.split("\n").includes(line), `${line}\n${text}`);
  }
  assert.match(text, /^process_cpu_seconds_total/m);
});

test("capsules are counted by state at each scrape; a store that fails leaves the last numbers and the rest of the page", async () => {
  let counts: ReadonlyMap<CapsuleState, number> | undefined = new Map([["running", 3]]);
  const metrics = createMetrics({
    loopsStanding: () => 0,
    countCapsules: async () => {
      if (counts === undefined) throw new Error("database gone");
      return counts;
    },
  });
  assert.match((await metrics.render()).text, /^capsuled_capsules\{state="running"\} 3$/m);
  counts = new Map([["paused", 1]]);
  const { text } = await metrics.render();
  assert.match(text, /^capsuled_capsules\{state="running"\} 0$/m);
  assert.match(text, /^capsuled_capsules\{state="paused"\} 1$/m);
  counts = undefined;
  assert.match((await metrics.render()).text, /^capsuled_capsules\{state="paused"\} 1$/m);
});

test("no caller can make the page grow: unknown operations and close codes share one label", async () => {
  const metrics = createMetrics({ countCapsules: none, loopsStanding: () => 0 });
  for (let index = 0; index < 100; index += 1) {
    metrics.answered(`made-up-${index}`, 404, "not_found", 0.001);
    metrics.socketOpened(`made-up-${index}`);
    metrics.socketClosed(`made-up-${index}`, 3000 + index);
  }
  const { text } = await metrics.render();
  assert.ok(!text.includes("made-up"));
  assert.match(text, /capsuled_sockets_closed_total\{operation="unknown",close="other"\} 100/);
});

test("two servers in one process keep their numbers apart", async () => {
  const [one, other] = [
    createMetrics({ countCapsules: none, loopsStanding: () => 0 }),
    createMetrics({ countCapsules: none, loopsStanding: () => 0 }),
  ];
  one.answered("exec", 200, null, 0.001);
  assert.ok(!(await other.render()).text.includes('operation="exec"'));
});

test("loops that stand still are counted at each scrape", async () => {
  let standing = 0;
  const metrics = createMetrics({ countCapsules: none, loopsStanding: () => standing });
  assert.match((await metrics.render()).text, /^capsuled_loops_standing 0$/m);
  standing = 2;
  assert.match((await metrics.render()).text, /^capsuled_loops_standing 2$/m);
});
