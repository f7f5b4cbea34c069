import assert from "node:assert/strict";
import test from "node:test";
import { createSingleFlight } from "./single-flight.ts";

test("concurrent calls under one key run the work once and share its outcome", async () => {
  const flights = createSingleFlight<number>();
  let runs = 0;
  const work = async (): Promise<number> => {
    runs += 1;
    await Promise.resolve();
    return runs;
  };
  assert.deepEqual(await Promise.all([flights.run("a", work), flights.run("a", work), flights.run("b", work)]), [2, 2, 2]);
  assert.equal(runs, 2);
});

test("a failure reaches every caller that joined and the next call runs again", async () => {
  const flights = createSingleFlight<string>();
  const failing = (): Promise<string> => Promise.reject(new Error("no"));
  const outcomes = await Promise.allSettled([flights.run("a", failing), flights.run("a", failing)]);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ["rejected", "rejected"],
  );
  assert.equal(await flights.run("a", async () => "yes"), "yes");
});

test("a synchronous throw leaves no key behind", async () => {
  const flights = createSingleFlight<string>();
  await assert.rejects(
    flights.run("a", () => {
      throw new Error("at once");
    }),
    /at once/,
  );
  assert.equal(flights.size, 0);
});
