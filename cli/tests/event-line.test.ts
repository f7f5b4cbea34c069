import assert from "node:assert/strict";
import { test } from "node:test";
import type { schemas } from "capsuled";
import { eventLine } from "../src/event-line.ts";

const head = { id: 1, time: "2026-11-01T10:00:00.000Z", capsule_id: `cl-${"a".repeat(25)}`, process_id: null };
const actor = { type: "api_key", id: "key-1" } as const;
const evidence = null;
const process = { pid: 7, tag: "server", cmd: "sh", args: ["-c", "a\u001b[2Jb"], started_at: head.time };

test("on a terminal that is too narrow for it an event takes several lines, none of which it breaks but within a word", () => {
  const event: schemas.Event = {
    ...head,
    actor,
    type: "capsule.error",
    data: { reason: "boot_failed", message: "there is no room for it on this host, and none will come by itself", evidence },
  };
  const at = (columns: number, name: string | null): readonly string[] =>
    eventLine({ hasColour: false, columns } as Parameters<typeof eventLine>[0], event, name).split("\n");
  assert.deepEqual(at(300, "box"), [eventLine(context, event, "box")]);
  assert.deepEqual(at(80, "box"), [
    `${head.time}  capsule.error  ${head.capsule_id}  box`,
    "  boot_failed: there is no room for it on this host, and none will come by",
    "  itself",
  ]);
  assert.deepEqual(at(40, null), [
    `${head.time}  capsule.error`,
    `  ${head.capsule_id}`,
    "  boot_failed: there is no room for it",
    "  on this host, and none will come by",
    "  itself",
  ]);
});

/** Without colours. */
const context = { hasColour: false } as Parameters<typeof eventLine>[0];

test("an event's line tells why, how it ended and what was started, under the same columns, and cannot draw", () => {
  const end = {
    ...process,
    ended_at: head.time,
    requested: null,
    oom_kills: 0,
    duration_ms: 1,
    stdout_bytes: 0,
    stderr_bytes: 0,
    late_bytes: 0,
    stdout_sha256: null,
    stderr_sha256: null,
    evidence,
  };
  const events: readonly [schemas.Event, string][] = [
    [
      {
        ...head,
        actor,
        type: "capsule.created",
        data: { template: "minimal", vcpus: 1, memory_mb: 512, disk_mb: 1, timeout_sec: 0, name: "box" },
      },
      "template minimal, 1 vcpu, 512 MiB",
    ],
    [{ ...head, actor, type: "capsule.paused", data: {} }, ""],
    [{ ...head, actor: { type: "system", id: "expire" }, type: "capsule.paused", data: {} }, "by the server (expire)"],
    [{ ...head, actor, type: "capsule.error", data: { reason: "boot_failed", message: "no\nroom", evidence } }, "boot_failed: no room"],
    [{ ...head, actor, type: "capsule.destroyed", data: { reason: "destroyed", message: null, evidence } }, "destroyed"],
    [{ ...head, process_id: "pr-1", actor, type: "process.started", data: process }, "server: sh -c ab"],
    [{ ...head, process_id: "pr-1", actor, type: "process.started", data: { ...process, tag: "" } }, "pr-1: sh -c ab"],
    [
      { ...head, process_id: "pr-1", actor, type: "process.ended", data: { ...end, reason: "exited", exit_code: 3, signal: null } },
      "server exited with 3: sh -c ab",
    ],
    [
      { ...head, process_id: "pr-1", actor, type: "process.ended", data: { ...end, reason: "killed", exit_code: 137, signal: "SIGKILL" } },
      "server killed by SIGKILL (137): sh -c ab",
    ],
    [
      { ...head, process_id: "pr-1", actor, type: "process.ended", data: { ...end, reason: "agent_lost", exit_code: null, signal: null } },
      "server agent_lost, its end was not seen: sh -c ab",
    ],
  ];
  for (const [event, due] of events) {
    assert.equal(
      eventLine(context, event, "box"),
      `${head.time}  ${event.type.padEnd(17)}  ${head.capsule_id}  box           ${due}`.trimEnd(),
    );
  }
  assert.match(eventLine(context, { ...head, actor, type: "capsule.running", data: {} }, null), /  -$/);
});
