import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import test from "node:test";
import { Outcome } from "./outcome.ts";

const LONG_MS = 60_000;

test("a value is had at once, by each wait", async () => {
  const outcome = new Outcome(Promise.resolve("value"));
  assert.equal(await outcome.within(LONG_MS), "value");
  assert.equal(await outcome.within(0), "value");
});

test("a wait that comes before the value ends with it, and leaves no timer and no listener", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { promise, resolve } = Promise.withResolvers<string>();
  const outcome = new Outcome(promise);
  const { signal } = new AbortController();
  const first = outcome.within(LONG_MS, signal);
  resolve("value");
  assert.equal(await first, "value");
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("a wait without a value ends after its time, or when its signal aborts, and the next one waits on", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { promise, resolve } = Promise.withResolvers<string>();
  const outcome = new Outcome(promise);
  const timed = outcome.within(LONG_MS);
  t.mock.timers.tick(LONG_MS);
  assert.equal(await timed, undefined);
  const abort = new AbortController();
  const aborted = outcome.within(LONG_MS, abort.signal);
  abort.abort();
  assert.equal(await aborted, undefined);
  assert.equal(await outcome.within(LONG_MS, abort.signal), undefined);
  const last = outcome.within(LONG_MS);
  resolve("value");
  assert.equal(await last, "value");
});

test("what the promise rejects with is thrown by each wait, and by nobody where nobody waits", async () => {
  const outcome = new Outcome(Promise.reject(new Error("no")));
  await new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(outcome.within(LONG_MS), /no/);
  await assert.rejects(outcome.within(0), /no/);
});

test("however many waits there are, the promise gets one reaction", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let reactions = 0;
  class Counted<T> extends Promise<T> {
    override then<A, B>(
      ...given: [((value: T) => A | PromiseLike<A>) | null | undefined, ((error: unknown) => B | PromiseLike<B>) | null | undefined]
    ): Promise<A | B> {
      reactions += 1;
      return super.then(...given);
    }
  }
  const outcome = new Outcome(new Counted<never>(() => {}));
  for (let wait = 0; wait < 100; wait += 1) {
    const waited = outcome.within(LONG_MS);
    t.mock.timers.tick(LONG_MS);
    assert.equal(await waited, undefined);
  }
  assert.equal(reactions, 1);
});
