import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import test from "node:test";
import { callEvent, LIMITS } from "@capsuled/contract";
import fc from "fast-check";
import type { z } from "zod";
import { useAgain } from "./event-buffer.ts";
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

/** Where a stream begins: lines far into one take a shorter way, and its digits grow. */
const begin = fc.record({ stdout: fc.constantFrom(0, 9_990, 99_990, 123_456), stderr: fc.constantFrom(0, 9_990, 5_000_000_000) });

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
    fc.property(chunks, begin, (given, from) => {
      const seen = told(given, from);
      for (const stream of ["stdout", "stderr"] as const) {
        const all = Buffer.concat(given.filter((chunk) => chunk.stream === stream).map((chunk) => chunk.bytes));
        const events = seen.flatMap(({ event }) => (event.type === "output" && event.stream === stream ? [event] : []));
        assert.deepEqual(
          events.map(({ data, partial, encoding }) => ({ text: data, isPartial: partial === true, isText: encoding === undefined })),
          plainLines(all),
        );
        const last = parseEventId(seen.at(-1)?.id ?? `${RUN}.${from.stdout}.${from.stderr}`);
        assert.equal(last?.position[stream], from[stream] + all.length);
      }
    }),
    { numRuns: 500 },
  );
});

test("any cut of the output into chunks gives the same events", () => {
  fc.assert(
    fc.property(chunks, begin, fc.array(fc.nat(9), { minLength: 1, maxLength: 10 }), (given, from, sizes) => {
      const cut = given.flatMap(({ stream, bytes: all }) => {
        const parts: Chunk[] = [];
        for (let at = 0, index = 0; at < all.length; index += 1) {
          const size = 1 + (sizes[index % sizes.length] ?? 0);
          parts.push({ stream, bytes: all.subarray(at, at + size) });
          at += size;
        }
        return parts;
      });
      assert.deepEqual(told(cut, from), told(given, from));
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

test("lines of text are the same events far into a stream, where they take a shorter way, as at its start", () => {
  const far = { stdout: 9_000_000, stderr: 20_000 };
  const lineText = fc.oneof(
    fc.stringMatching(/^[ -~\n]{0,40}$/),
    fc.constantFrom("\r\n", "é\t日", '{"a":"\\u001b"}', "\u2028", "\ud83d\ude42\r", "\u0085"),
  );
  fc.assert(
    fc.property(fc.array(lineText, { maxLength: 60 }), fc.nat(7), fc.nat(600), fc.boolean(), (texts, shift, cut, hasOther) => {
      // A view that begins anywhere within its memory.
      const text = Buffer.from(`${"x".repeat(shift)}${texts.join("\n")}`).subarray(shift);
      const all = hasOther ? Buffer.concat([text, Buffer.from([0xff, 0x0a, 0x61, 0x0a])]) : text;
      const given = [all.subarray(0, cut), all.subarray(cut)].map((bytes): Chunk => ({ stream: "stderr", bytes }));
      const near = told(given, undefined, 32).map(({ id, event }) => [(parseEventId(id)?.position.stderr ?? 0) + far.stderr, event]);
      assert.deepEqual(
        told(given, far, 32).map(({ id, event }) => [parseEventId(id)?.position.stderr, event]),
        near,
      );
    }),
    { numRuns: 500 },
  );
});

test("events of more than is taken at once, and those whose characters grow, are whole and in order", () => {
  for (const line of ["", '"'.repeat(2000), "\u001b".repeat(30_000), "é".repeat(30_000), `${"x".repeat(65_536)}`]) {
    const lines = new SseLines(RUN, { stdout: 99_000, stderr: 0 });
    const given = Buffer.from(`${line}\n`.repeat(Math.ceil(100_000 / (line.length + 1))));
    let position = 99_000;
    for (let at = 0; at < given.length;) {
      at += lines.push("stdout", given.subarray(at, at + 65_536));
      const taken = lines.take();
      for (const { id, event } of eventsIn(taken)) {
        position += Buffer.byteLength(line) + 1;
        assert.equal(parseEventId(id)?.position.stdout, position);
        assert.equal(event.type === "output" && event.data, line);
      }
      useAgain(taken);
    }
    assert.equal(position, 99_000 + given.length);
  }
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
