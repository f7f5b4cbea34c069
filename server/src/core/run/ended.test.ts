import assert from "node:assert/strict";
import { test } from "node:test";
import { runRecord } from "../../store/testing/records.ts";
import { notificationOf } from "./ended.ts";
import { ENDED_STATUSES } from "./record.ts";

const url = "https://receiver.example/";

test("an endpoint is told of the ends that it asks for: all, those that succeeded, or those that did not", () => {
  const told = (on: "always" | "success" | "failure"): readonly string[] =>
    ENDED_STATUSES.filter((status) => {
      const run = runRecord({ teamId: "team-1", status, endedAt: 5 });
      return notificationOf(run, { definition: { notify_url: url, notify_on: on } }) !== null;
    });
  assert.deepEqual(told("always"), ENDED_STATUSES);
  assert.deepEqual(told("success"), ["succeeded"]);
  assert.deepEqual(
    told("failure"),
    ENDED_STATUSES.filter((status) => status !== "succeeded"),
  );
});

test("nothing is told without a URL, or before the end", () => {
  const run = runRecord({ teamId: "team-1", status: "succeeded", endedAt: 5 });
  assert.equal(notificationOf(run, { definition: { notify_url: undefined, notify_on: "always" } }), null);
  for (const status of ["queued", "running"] as const)
    assert.equal(notificationOf({ ...run, status }, { definition: { notify_url: url, notify_on: "always" } }), null);
  const { id: runId, teamId, endpointId } = run;
  const draft = { runId, teamId, endpointId, url, createdAt: 5 };
  assert.deepEqual(notificationOf(run, { definition: { notify_url: url, notify_on: "always" } }), draft);
});
