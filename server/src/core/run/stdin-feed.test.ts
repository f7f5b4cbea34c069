import assert from "node:assert/strict";
import { test } from "node:test";
import type { GivenInput } from "../ports/agent-link.ts";
import { StdinFeed } from "./stdin-feed.ts";

const MIB = 1024 * 1024;
const ALL = Uint8Array.from({ length: 2 * MIB }, (_, index) => index * 7);

/** An agent's queue that a feed fills, and what a process takes of it. */
class Queue {
  readonly given: number[] = [];
  sent = 0;
  closed = 0;
  stream = {
    sendStdin: (bytes: Uint8Array) => {
      this.given.push(bytes.length);
      this.sent += bytes.length;
    },
    closeStdin: () => void (this.closed += 1),
  };
}

test("input is given whole within the agent's window, and closed once", () => {
  const queue = new Queue();
  const feed = new StdinFeed(queue.stream, ALL);
  feed.advance(0);
  assert.deepEqual([queue.sent, queue.closed], [MIB, 0]);
  for (let taken = 0; taken < 2 * MIB; taken += MIB / 4) feed.advance(MIB / 4);
  feed.advance(0);
  assert.deepEqual([queue.sent, queue.closed], [2 * MIB, 1]);
});

test("who takes over gives what is left, never more than the agent has room for, and nothing where all was given", () => {
  const cases: readonly (readonly [GivenInput, number, number, number])[] = [
    [{ bytes: MIB, queued: MIB, closed: false }, 0, MIB, 1],
    [{ bytes: MIB, queued: MIB / 2, closed: false }, MIB / 2, MIB, 1],
    [{ bytes: 2 * MIB, queued: MIB, closed: false }, 0, 0, 1],
    [{ bytes: 2 * MIB, queued: 0, closed: true }, 0, 0, 0],
  ];
  for (const [given, atOnce, inAll, closes] of cases) {
    const queue = new Queue();
    const feed = new StdinFeed(queue.stream, ALL, given);
    feed.advance(0);
    assert.equal(queue.sent, atOnce, JSON.stringify(given));
    feed.advance(given.queued);
    for (let count = 0; count < 4; count += 1) feed.advance(MIB / 2);
    assert.deepEqual([queue.sent, queue.closed], [inAll, closes], JSON.stringify(given));
  }
});
