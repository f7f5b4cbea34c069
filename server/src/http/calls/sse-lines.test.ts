import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import test from "node:test";
import { callEvent, LIMITS } from "@capsuled/contract";
import fc from "fast-check";
import type { z } from "zod";
import { parseEventId, renderEventId } from "./event-id.ts";
import { SseLines } from "./sse-lines.ts";

const RUN = `run-${"0".repeat(25)}`;
const BYTES_MAX = 8;

interface Told {
  readonly id: string;
  readonly event: z.output<typeof callEvent>;
}

/** Reads events as a client does; anything that is not whole events fails. */
function eventsIn(bytes: Uint8Array): readonly Told[] {
  const text = Buffer.from(bytes).toString("utf8");
  if (text === "") return [];
  assert.doesNotMatch(text, /[\r\u0085\u2028\u2029]/);
  assert.ok(text.endsWith("\n\n"));
  return text
    .slice(0, -2)
    .split("\n\n")
    .map((block) => {
      const [, id = "", data = ""] = /^id: (\S+)\ndata: (.*)$/.exec(block) ?? [];
      return { id, event: callEvent.parse(JSON.parse(data)) };
    });
}

interface Chunk {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

function told(chunks: readonly Chunk[], from = { stdout: 0, stderr: 0 }, bytesMax = BYTES_MAX): readonly Told[] {
  const lines = new SseLines(RUN, from, bytesMax);
  const seen: Told[] = [];
  for (const { stream, bytes } of chunks) {
    lines.push(stream, bytes);
    seen.push(...eventsIn(lines.take()));
  }
  lines.finish();
  seen.push(...eventsIn(lines.take()));
  return seen;
}

/** Output with everything that is hard: ends of lines, characters of several bytes, bytes that are no text, quotes, long lines. */
const piece = fc.oneof(
  fc.constantFrom(
    "\n",
    "\r\n",
    "\r",
    "\n\n",
    "é",
    "日",
    "🙂",
    '"',
    "\\",
    "\t",
    "\u001b[31m",
    "\0",
    "\u2028",
    "\u0085",
    "abc",
    "12345678",
    "123456789",
  ),
  fc.string({ unit: "grapheme", maxLength: 12 }),
);
const bytes = fc.oneof(
  { weight: 3, arbitrary: fc.array(piece, { maxLength: 12 }).map((pieces) => new Uint8Array(Buffer.from(pieces.join("")))) },
  fc.uint8Array({ maxLength: 20 }),
);
const chunks = fc.array(fc.record({ stream: fc.constantFrom("stdout" as const, "stderr" as const), bytes }), { maxLength: 6 });

/** The lines of one stream, cut the simple way. */
function plainLines(all: Buffer): readonly { readonly text: string; readonly isPartial: boolean; readonly isText: boolean }[] {
  const found: { text: string; isPartial: boolean; isText: boolean }[] = [];
  for (let at = 0; at < all.length;) {
    const newline = all.indexOf(10, at);
    let content = all.subarray(at, newline === -1 ? all.length : newline);
    if (newline !== -1 && content.at(-1) === 13) content = content.subarray(0, -1);
    at = newline === -1 ? all.length : newline + 1;
    const isEnded = newline !== -1;
    const boundMax = BYTES_MAX;
    while (content.length > boundMax) {
      let cut = boundMax;
      while (cut > boundMax - 4 && ((content[cut] ?? 0) & 0xc0) === 0x80) cut -= 1;
      if (cut === boundMax - 4) cut = boundMax;
      const head = content.subarray(0, cut);
      found.push({ text: head.toString(isUtf8(head) ? "utf8" : "base64"), isPartial: true, isText: isUtf8(head) });
      content = content.subarray(cut);
    }
    if (isEnded || content.length > 0)
      found.push({ text: content.toString(isUtf8(content) ? "utf8" : "base64"), isPartial: false, isText: isUtf8(content) });
  }
  return found;
}

test("each stream's events are its lines, and the ids count its bytes", () => {
  fc.assert(
    fc.property(chunks, (given) => {
      const seen = told(given);
      for (const stream of ["stdout", "stderr"] as const) {
        const all = Buffer.concat(given.filter((chunk) => chunk.stream === stream).map((chunk) => chunk.bytes));
        const events = seen.flatMap(({ event }) => (event.type === "output" && event.stream === stream ? [event] : []));
        assert.deepEqual(
          events.map(({ data, partial, encoding }) => ({ text: data, isPartial: partial === true, isText: encoding === undefined })),
          plainLines(all),
        );
        const last = parseEventId(seen.at(-1)?.id ?? `${RUN}.0.0`);
        assert.equal(last?.position[stream], all.length);
      }
    }),
    { numRuns: 500 },
  );
});

test("any cut of the output into chunks gives the same events", () => {
  fc.assert(
    fc.property(chunks, fc.array(fc.nat(9), { minLength: 1, maxLength: 10 }), (given, sizes) => {
      const cut = given.flatMap(({ stream, bytes: all }) => {
        const parts: Chunk[] = [];
        for (let at = 0, index = 0; at < all.length; index += 1) {
          const size = 1 + (sizes[index % sizes.length] ?? 0);
          parts.push({ stream, bytes: all.subarray(at, at + size) });
          at += size;
        }
        return parts;
      });
      assert.deepEqual(told(cut), told(given));
    }),
    { numRuns: 500 },
  );
});

test("a reader that comes back after any event gets the events after it, none twice and none left out", () => {
  fc.assert(
    fc.property(chunks, (given) => {
      const seen = told(given);
      for (const [index, { id }] of seen.entries()) {
        const place = parseEventId(id);
        assert.ok(place !== null);
        assert.equal(renderEventId(place), id);
        const left = { ...place.position };
        const rest = given.map(({ stream, bytes: all }): Chunk => {
          const skipped = Math.min(left[stream], all.length);
          left[stream] -= skipped;
          return { stream, bytes: all.subarray(skipped) };
        });
        assert.deepEqual(told(rest, place.position), seen.slice(index + 1));
      }
    }),
    { numRuns: 300 },
  );
});

test("chunks of plain lines, which take a shorter way, give the same events", () => {
  const lineText = fc.stringMatching(/^[ -~\n]{0,40}$/);
  fc.assert(
    fc.property(fc.array(lineText, { maxLength: 60 }), fc.nat(7), fc.nat(600), (texts, shift, cut) => {
      // A view that begins anywhere within its memory.
      const all = Buffer.from(`${"x".repeat(shift)}${texts.join("\n")}`).subarray(shift);
      const single = [...all].map((byte): Chunk => ({ stream: "stderr", bytes: Uint8Array.of(byte) }));
      const cutOnce = [all.subarray(0, cut), all.subarray(cut)].map((bytes): Chunk => ({ stream: "stderr", bytes }));
      for (const given of [[{ stream: "stderr", bytes: all } as const], cutOnce])
        assert.deepEqual(told(given, undefined, 32), told(single, undefined, 32));
    }),
    { numRuns: 200 },
  );
});

test(`a line of ${LIMITS.endpointLineCharsMax} bytes is one event, one more is told in two`, () => {
  const bound = LIMITS.endpointLineCharsMax;
  const of = (length: number, end: string): readonly z.output<typeof callEvent>[] =>
    told([{ stream: "stdout", bytes: Buffer.from("a".repeat(length) + end) }], undefined, bound).map(({ event }) => event);
  for (const end of ["\n", "\r\n", ""]) {
    assert.deepEqual(
      of(bound, end).map((event) => event.type === "output" && [event.data.length, event.partial === true]),
      [[bound, false]],
    );
    assert.deepEqual(
      of(bound + 1, end).map((event) => event.type === "output" && [event.data.length, event.partial === true]),
      [
        [bound, true],
        [1, false],
      ],
    );
  }
});

test("what is missing ends the line before it as partial, and moves the ids on", () => {
  const lines = new SseLines(RUN, { stdout: 0, stderr: 0 });
  lines.push("stdout", Buffer.from("one\ntw"));
  lines.gap(10, 3);
  lines.push("stdout", Buffer.from("ree\n"));
  lines.finish();
  assert.deepEqual(
    eventsIn(lines.take()).map(({ id, event }) => [id.slice(RUN.length), event.type === "output" ? event.data : "", event]),
    [
      [".4.0", "one", { type: "output", data: "one", stream: "stdout" }],
      [".6.0", "tw", { type: "output", data: "tw", stream: "stdout", partial: true }],
      [".20.3", "ree", { type: "output", data: "ree", stream: "stdout" }],
    ],
  );
});

test("ids of any other form are none", () => {
  for (const text of [
    "",
    "1",
    RUN,
    `${RUN}.1`,
    `${RUN}.1.`,
    `${RUN}.01.0`,
    `${RUN}.1.2.done`,
    `${RUN}.-1.0`,
    `${RUN}.1.${"9".repeat(16)}`,
    "run-x.0.0",
  ])
    assert.equal(parseEventId(text), null, text);
});
