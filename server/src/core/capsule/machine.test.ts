import assert from "node:assert/strict";
import { test } from "node:test";
import { CAPSULE_STATUSES } from "@capsuled/contract";
import type { CapsuleEvent } from "./machine.ts";
import { CAPSULE_EVENTS, PUBLIC_STATUS, TABLE } from "./machine.ts";
import type { CapsuleState } from "./state.ts";
import { CAPSULE_STATES } from "./state.ts";

/** The moves as a person would list them; every other cell refuses or ignores. */
const MOVES: readonly (readonly [CapsuleState, CapsuleEvent, CapsuleState])[] = [
  ["pending", "boot", "starting"],
  ["pending", "boot_failed", "error"],
  ["starting", "booted", "running"],
  ["starting", "boot_failed", "error"],
  ["starting", "lost", "error"],
  ["running", "pause", "pausing"],
  ["running", "stop", "stopping"],
  ["running", "lost", "error"],
  ["pausing", "paused", "paused"],
  ["pausing", "pause_failed", "running"],
  ["pausing", "lost", "error"],
  ["paused", "resume", "resuming"],
  ["paused", "stop", "stopping"],
  ["paused", "lost", "error"],
  ["resuming", "resumed", "running"],
  ["resuming", "resume_failed", "paused"],
  ["resuming", "lost", "error"],
  ["stopping", "stopped", "stopped"],
  ["stopped", "start", "pending"],
  ["error", "start", "pending"],
  ["destroying", "destroyed", "destroyed"],
  ...(["pending", "starting", "running", "pausing", "paused", "resuming", "stopping", "stopped", "error"] as const).map(
    (state) => [state, "destroy", "destroying"] as const,
  ),
  ...(["pending", "starting", "running", "pausing", "paused", "resuming", "stopping"] as const).map(
    (state) => [state, "host_restarted", "stopped"] as const,
  ),
];

const REQUESTS: readonly CapsuleEvent[] = ["pause", "resume", "stop", "start", "destroy"];

test("the table moves exactly where the list of moves says, in all 176 cells", () => {
  const expected = new Map(MOVES.map(([from, event, to]) => [`${from} ${event}`, to]));
  let cells = 0;
  for (const state of CAPSULE_STATES) {
    for (const event of CAPSULE_EVENTS) {
      cells += 1;
      const cell = TABLE[state][event];
      assert.equal("to" in cell ? cell.to : undefined, expected.get(`${state} ${event}`), `${state} × ${event}`);
    }
  }
  assert.equal(cells, 176);
});

test("a request that does not move is refused with invalid_state, but for a repeated destroy; a fact is never refused", () => {
  for (const state of CAPSULE_STATES) {
    for (const event of CAPSULE_EVENTS) {
      const cell = TABLE[state][event];
      if ("to" in cell) continue;
      const repeatedDestroy = event === "destroy" && (state === "destroying" || state === "destroyed");
      if (REQUESTS.includes(event) && !repeatedDestroy) assert.deepEqual(cell, { reject: "invalid_state" }, `${state} × ${event}`);
      else assert.ok("ignore" in cell && cell.ignore.length > 0, `${state} × ${event}`);
    }
  }
});

test("destroyed is reached from every state by destroy and its success, and nothing leaves it", () => {
  for (const state of CAPSULE_STATES) {
    const first = TABLE[state].destroy;
    const after = "to" in first ? first.to : state;
    if (after === "destroyed") continue;
    assert.equal(after, "destroying", state);
    assert.deepEqual(TABLE[after].destroyed, { to: "destroyed" });
  }
  for (const event of CAPSULE_EVENTS) assert.ok(!("to" in TABLE.destroyed[event]), event);
});

test("every state is reached from pending, and every state but destroyed can be left", () => {
  const reached = new Set<CapsuleState>(["pending"]);
  for (const state of reached) {
    for (const event of CAPSULE_EVENTS) {
      const cell = TABLE[state][event];
      if ("to" in cell) reached.add(cell.to);
    }
  }
  assert.deepEqual([...reached].sort(), [...CAPSULE_STATES].sort());
  for (const state of CAPSULE_STATES) {
    const leaves = CAPSULE_EVENTS.some((event) => "to" in TABLE[state][event]);
    assert.equal(leaves, state !== "destroyed", state);
  }
});

test("every state shows as one of the six public statuses, and each public status is shown by some state", () => {
  assert.deepEqual([...new Set(CAPSULE_STATES.map((state) => PUBLIC_STATUS[state]))].sort(), [...CAPSULE_STATUSES].sort());
});
