import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { StdinJournal } from "../src/commands/stdin-journal.ts";

/** What a server makes of messages: the bytes that came, each place once. */
class Server {
  readonly bytes: number[] = [];
  isClosed = false;

  take(message: object): void {
    if (!("offset" in message) || typeof message.offset !== "number") throw new Error("a message without a place");
    assert.ok(message.offset <= this.bytes.length, "no hole");
    if (!("data" in message)) {
      assert.equal(message.offset, this.bytes.length);
      this.isClosed = true;
      return;
    }
    const data = [...Buffer.from(String(message.data), "base64")];
    this.bytes.push(...data.slice(this.bytes.length - message.offset));
  }
}

test("whatever is cut and lost, all that was written comes once and in order, and then its end", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("write" as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 20 }) }),
    // So many messages arrive of what is sent; the connection breaks then.
    fc.record({ kind: fc.constant("cut" as const), arrives: fc.nat(3) }),
    fc.record({ kind: fc.constant("ack" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const journal = new StdinJournal();
      const server = new Server();
      const written: number[] = [];
      journal.begin({ bytes: 0, closed: false });
      for (const one of steps) {
        if (one.kind === "write") {
          assert.equal(journal.append(one.bytes).length, 0);
          written.push(...one.bytes);
        } else if (one.kind === "ack") journal.ack(server.bytes.length);
        else {
          for (const message of [...journal.messages()].slice(0, one.arrives)) server.take(message);
          journal.cut();
          journal.begin({ bytes: server.bytes.length, closed: false });
        }
      }
      journal.close();
      for (const message of journal.messages(true)) server.take(message);
      assert.deepEqual(server.bytes, written);
      assert.ok(server.isClosed);
      assert.deepEqual([...journal.messages()], []);
    }),
  );
});

test("at most 512 KiB wait: what is beyond is given back until the command has taken some", () => {
  const journal = new StdinJournal();
  journal.begin({ bytes: 0, closed: false });
  let rest: Uint8Array = new Uint8Array(600 * 1024);
  while (journal.hasRoom) rest = journal.append(rest);
  assert.equal(rest.length, 88 * 1024);
  assert.equal(journal.append(rest).length, rest.length);
  journal.ack(100);
  assert.equal(journal.append(rest).length, rest.length - 100);
});

test("what is written a byte at a time is kept as few pieces", () => {
  const journal = new StdinJournal();
  const server = new Server();
  journal.begin({ bytes: 0, closed: false });
  for (let n = 0; n < 20_000; n += 1) {
    journal.append(Uint8Array.of(n % 251));
    assert.equal([...journal.messages()].length, 1, "each is sent at once");
  }
  journal.begin({ bytes: 0, closed: false });
  const again = [...journal.messages()];
  assert.equal(again.length, 1);
  for (const message of again) server.take(message);
  assert.ok(server.bytes.every((byte, n) => byte === n % 251));
  assert.equal(server.bytes.length, 20_000);
});

test("what is written is the journal's own: its writer may use its buffer again", () => {
  const journal = new StdinJournal();
  const server = new Server();
  journal.begin({ bytes: 0, closed: false });
  const buffer = Uint8Array.of(1, 2);
  journal.append(buffer);
  buffer.fill(9);
  journal.append(buffer);
  for (const message of journal.messages()) server.take(message);
  assert.deepEqual(server.bytes, [1, 2, 9, 9]);
});

test("nothing is sent while no connection stands", () => {
  const journal = new StdinJournal();
  journal.append(Uint8Array.of(1));
  assert.deepEqual([...journal.messages()], []);
  journal.begin({ bytes: 0, closed: false });
  assert.equal([...journal.messages()].length, 1);
  journal.cut();
  journal.append(Uint8Array.of(2));
  assert.deepEqual([...journal.messages()], []);
});
