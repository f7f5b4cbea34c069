import assert from "node:assert/strict";
import { test } from "node:test";
import { WaitingRoom } from "../src/transport/waiting-room.ts";

test("a reader without room waits until half of what may wait was taken", async () => {
  const room = new WaitingRoom(10);
  room.add(8);
  assert.equal(room.has(3), false);
  let isReady = false;
  const ready = room.ready().then(() => (isReady = true));
  room.drained(3);
  await Promise.resolve();
  assert.equal(isReady, false);
  room.drained(1);
  await ready;
  assert.equal(room.has(3), true);
});

test("what is larger than the room comes in alone", () => {
  const room = new WaitingRoom(10);
  assert.equal(room.has(11), true);
  room.add(11);
  assert.equal(room.has(1), false);
  assert.equal(room.has(1, 20), true);
});

test("a room that is opened holds nobody back", async () => {
  const room = new WaitingRoom(10);
  await room.ready();
  room.add(10);
  assert.equal(room.has(1), false);
  const ready = room.ready();
  room.open();
  await ready;
  await room.ready();
});
