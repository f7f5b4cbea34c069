import assert from "node:assert/strict";
import test from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { z } from "zod";
import { createLogger } from "./logger.ts";
import { LOG_LIMITS, redact, redactText } from "./redact.ts";

const KEY = `wrn_${"0123456789".repeat(4)}`;

const parsedLine = z.object({
  level: z.string(),
  msg: z.string(),
  time: z.string(),
  requestId: z.string(),
  capsuleId: z.string(),
  error: z.object({ message: z.string(), stack: z.string(), cause: z.object({ message: z.string() }) }),
});

/** A log whose lines are kept. */
function capture(level: "debug" | "info" = "debug"): { readonly log: ReturnType<typeof createLogger>; readonly lines: string[] } {
  const lines: string[] = [];
  return { log: createLogger({ level, destination: { write: (line) => void lines.push(line) } }), lines };
}

/** Wherever in a structure of fields, errors and lists a value may hide. */
function hide(secret: string, fieldName: string): fc.Arbitrary<Record<string, unknown>> {
  const text = fc.constantFrom(secret, `before ${secret} after`, `${secret}${secret}`, `x`.repeat(LOG_LIMITS.textCharsMax - 5) + secret);
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      text,
      text.map((message) => new Error(message)),
      text.map((message) => Object.assign(new Error("outer", { cause: new TypeError(message) }), { detail: message })),
      fc.record({ url: text, [secret]: fc.constant(1) }),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("a", "request", "reason"), tie("value"), { maxKeys: 3 }),
      tie("value").map((inner) => new Map([["a", inner]])),
    ),
  }));
  return value.map((inner) => ({ [fieldName]: inner }));
}

test("no API key reaches a line, in whatever field, error, cause, list or message it is", () => {
  fc.assert(
    fc.property(hide(KEY, "fields"), (fields) => {
      const { log, lines } = capture();
      log.error(fields, `the key ${KEY} failed`);
      assert.equal(lines.length, 1);
      assert.ok(!/wrn_[0-9a-f]{8}/.test(lines[0] ?? ""), lines[0]);
    }),
    { numRuns: 300 },
  );
});

test("no value of an environment, secret, password, header or command's argument reaches a line under its field's name", () => {
  const names = [
    "env",
    "envs",
    "ENVS",
    "secret",
    "agent_secret",
    "sealedSecret",
    "password",
    "authorization",
    "x-api-key",
    "Cookie",
    "token",
    "stdin",
    "headers",
    "args",
    "databaseUrl",
  ];
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.stringMatching(/^[a-z]{16}$/), fc.nat(3), (name, secret, depth) => {
      const { log, lines } = capture();
      let fields: Record<string, unknown> = { [name]: { NAME: secret, list: [secret] } };
      for (let level = 0; level < depth; level += 1) fields = { inner: fields };
      log.info(fields, "a capsule was made");
      assert.ok(!(lines[0] ?? "").includes(secret), lines[0]);
      assert.match(lines[0] ?? "", /\[redacted\]/);
    }),
  );
});

test("passwords in URLs, bearer tokens, tickets, links to ports and sealed texts are taken out of any text", () => {
  const sealed = `v1.${"Ab0-_".repeat(10)}`;
  const { log, lines } = capture();
  const texts = [
    "postgres://root:hunter2@db:5432/x",
    "Authorization: Bearer hunter2hunter2",
    "/v1/x?ticket=hunter2&a=b",
    `sealed ${sealed}`,
    "https://c.example/v1/x/?capsuled_token=hunter2&a=b",
    "sent capsuled_port=hunter2; a=b",
  ];
  for (const text of texts) log.warn({ error: new Error(text) }, text);
  for (const line of lines) assert.ok(!line.includes("hunter2") && !line.includes(sealed), line);
  assert.match(lines[0] ?? "", /postgres:\/\/root:\[redacted\]@db:5432\/x/);
  for (const at of [2, 4, 5]) assert.match(lines[at] ?? "", /a=b/);
});

test("what is no secret stays readable: message, fields, a request's id, an error with its cause and stack", () => {
  const { log, lines } = capture();
  log.error({ requestId: "req-1", capsuleId: "cl-1", error: new Error("boot", { cause: new Error("no room") }) }, "failed");
  const line = parsedLine.parse(JSON.parse(lines[0] ?? ""));
  assert.deepEqual([line.level, line.msg, line.requestId, line.capsuleId], ["error", "failed", "req-1", "cl-1"]);
  assert.deepEqual([line.error.message, line.error.cause.message], ["boot", "no room"]);
  assert.match(line.error.stack, /redact\.test/);
  assert.match(line.time, /^\d{4}-\d\d-\d\dT/);
});

test("lines below the level are not written", () => {
  const { log, lines } = capture("info");
  log.debug({}, "quiet");
  log.info({}, "loud");
  assert.equal(lines.length, 1);
});

test("any value gives a bounded copy and never throws, cycles and hostile getters too", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  const hostile = {
    get boom(): never {
      throw new Error("boom");
    },
  };
  fc.assert(
    fc.property(
      fc.oneof(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true, withNullPrototype: true }),
        fc.constant(cycle),
        fc.constant(hostile),
      ),
      (value) => {
        const text = JSON.stringify(redact({ value }));
        assert.equal(typeof text, "string", inspect(value));
      },
    ),
    { numRuns: 1000 },
  );
  assert.ok(redactText("x".repeat(1_000_000)).length < LOG_LIMITS.textCharsMax + 100);
  assert.ok(JSON.stringify(redact(Array.from({ length: 10_000 }, () => 1))).length < 1000);
});

test("no text makes the search for secrets slow", () => {
  const before = performance.now();
  for (const text of [
    "a".repeat(100_000),
    "a:".repeat(50_000),
    "wrn_".repeat(30_000),
    "bearer ".repeat(20_000),
    "v1.".repeat(40_000),
    "http://a:".repeat(10_000),
  ])
    redactText(text);
  // Where one of them is searched in quadratic time it takes minutes.
  assert.ok(performance.now() - before < 20_000, `${performance.now() - before} ms`);
});
