import assert from "node:assert/strict";
import { test } from "node:test";
import type { Operation } from "@capsuled/contract";
import { LIMITS, methodsOf, OPERATION_LIST, OPERATIONS } from "@capsuled/contract";
import fc from "fast-check";
import { z } from "zod";
import { OWNER } from "./testing/fake-endpoints.ts";
import { IDS, KEYS } from "./testing/fake-services.ts";
import { Pipeline } from "./testing/pipeline.ts";
import { problemOf } from "./testing/problem-shape.ts";
import { ENDPOINT, prepare } from "./testing/requests.ts";
import type { World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";

const exec = `/v1/capsules/${IDS.running}/exec`;

/** Texts that have broken parsers before. */
const nasty = fc.constantFrom(
  "",
  "\0",
  "../../etc/passwd",
  "$(id)",
  "; rm -rf /",
  "\ud800",
  "\ufeff",
  "a".repeat(70_000),
  "__proto__",
  "constructor",
  "%00",
  "🙂".repeat(50),
  "-1",
  "1e999",
  "NaN",
);
const scalar = fc.oneof(
  nasty,
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom(1e308, -0, 2 ** 53, 2 ** 31),
);
const anything = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 2, arbitrary: fc.array(scalar, { maxLength: 4 }) },
  fc.dictionary(fc.oneof(nasty, fc.string()), scalar, { maxKeys: 4 }),
  fc.jsonValue(),
);

/** A body with the schema's own field names, and values of any kind. */
function bodyOf(schema: z.ZodType): fc.Arbitrary<unknown> {
  const names = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const fields = fc.dictionary(fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...names, "unknown") }, nasty), anything, {
    maxKeys: names.length,
  });
  return fc.oneof({ weight: 5, arbitrary: fields }, anything);
}

async function neverBreaks(world: World, response: Response): Promise<void> {
  if (response.status >= 400) {
    const error = await problemOf(response);
    // Below the path of a port whatever is asked for is the port's, and nothing listens.
    assert.ok(response.status < 500 || error.code === "port_unavailable", `${response.status} ${error.code} ${error.message}`);
  } else {
    await response.arrayBuffer();
  }
  assert.deepEqual(
    world.log.filter((line) => line.level === "error"),
    [],
  );
}

for (const operation of OPERATION_LIST.filter(({ body }) => body !== null)) {
  test(`${operation.id} answers any body with a result or a 4xx that says which field is wrong`, async () => {
    await using world = await createWorld({ config: { logRequests: true } });
    await prepare(world);
    const path = operation.path.replace("{id}", IDS.paused).replace("{owner}", OWNER).replace("{name}", ENDPOINT);
    const method = methodsOf(operation).find((one) => one !== "GET") ?? "";
    await fc.assert(
      fc.asyncProperty(operation.body === null ? anything : bodyOf(operation.body), async (body) => {
        const response = await world.call(method, path, { key: KEYS.admin, json: body });
        if (response.status === 400 && operation.id === "importEndpoints") {
          const { details } = await problemOf(response.clone());
          z.array(z.object({ line: z.int().min(1), column: z.int().min(1), message: z.string().min(1) }))
            .min(1)
            .parse(details?.["problems"]);
        } else if (response.status === 400) {
          const { details } = await problemOf(response.clone());
          const problems = z
            .array(z.object({ field: z.string().min(1), message: z.string().min(1) }))
            .min(1)
            .parse(details?.["problems"]);
          assert.equal(details?.["field"], problems[0]?.field);
        }
        await neverBreaks(world, response);
      }),
      { numRuns: 150 },
    );
  });
}

test("any path, query and method is answered in the same shape", async () => {
  await using world = await createWorld();
  const segment = fc
    .oneof(
      nasty.filter((text) => text.isWellFormed() && text.length < 500),
      fc.string(),
      fc.constantFrom("..", ".", "%zz", "%", "42", IDS.running),
    )
    .map((text) => (text.startsWith("%") ? text : encodeURIComponent(text)));
  const path = fc
    .constantFrom(...OPERATION_LIST.filter(({ answers }) => answers[200]?.contentType !== "text/event-stream"))
    .chain((operation: Operation) =>
      fc.array(segment, { minLength: 3, maxLength: 3 }).map((values) => {
        let index = 0;
        return operation.path.replaceAll(/\{\w+\}/g, () => values[index++] ?? "x");
      }),
    );
  const query = fc.dictionary(
    fc.constantFrom("limit", "cursor", "status", "signal", "from", "encoding", "metadata.a", "metadata.", "__proto__"),
    scalar,
    { maxKeys: 4 },
  );
  await fc.assert(
    fc.asyncProperty(
      path,
      query,
      fc.constantFrom("GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"),
      async (target, parameters, method) => {
        const search = Object.entries(parameters).map(
          ([name, value]) => `${name}=${encodeURIComponent(String(value).toWellFormed().slice(0, 300))}`,
        );
        const response = await world.call(method, `${target}?${search.join("&")}`, { key: KEYS.admin });
        if (method === "HEAD") assert.equal(await response.text(), "");
        else await neverBreaks(world, response);
      },
    ),
    { numRuns: 400 },
  );
});

test("bytes that are no HTTP get a 400 in the same shape, or a close", async () => {
  await using world = await createWorld();
  const junk = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom(
        "GET / HTTP/9.9\r\n\r\n",
        "\r\n\r\n\r\n\0",
        "POST /v1/capsules HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /v1/capsules HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nzz\r\n",
      )
      .map((text) => Buffer.from(text)),
  );
  await fc.assert(
    fc.asyncProperty(junk, async (bytes) => {
      await using pipeline = await Pipeline.open(world);
      pipeline.socket.end(bytes);
      for (const { status, body } of await pipeline.answers(1)) {
        assert.ok(status >= 400 && status < 500, `${status}`);
        assert.match(body, /^\{"error":\{"code":"[a-z_]+","message":/);
      }
    }),
    { numRuns: 100 },
  );
  assert.equal((await world.call("GET", "/v1/capsules")).status, 200);
});

test("headers beyond Node's bound are refused in the same shape", async () => {
  await using world = await createWorld();
  await using pipeline = await Pipeline.open(world);
  pipeline.socket.write(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`);
  const [answer] = await pipeline.answers(1);
  assert.equal(answer?.status, 413);
  assert.match(answer.body, /"code":"too_large"/);
});

test("malformed JSON is a 400 that says where it goes wrong and repeats none of it", async () => {
  await using world = await createWorld();
  for (const [body, where] of [
    ['{"cmd": x}', "line 1, column 9"],
    ['{"cmd":\n"a"\n]', "line 3, column 1"],
    ['{"cmd": "secret', "ends too early, after 15 characters"],
    ["", "cmd: is required"],
    ["[1,2", "ends too early"],
    ["truex", "line 1, column 5"],
  ] as const) {
    const error = await problemOf(await world.call("POST", exec, { body, headers: { "content-type": "application/json" } }));
    assert.equal(error.code, "invalid_request");
    assert.ok(error.message.includes(where), `${body} → ${error.message}`);
    assert.equal(error.message.includes("secret"), false);
  }
});

test("a body that is not UTF-8, or has a __proto__ field in any spelling, is a 400", async () => {
  await using world = await createWorld();
  for (const body of [
    Uint8Array.from([0x7b, 0xff, 0x7d]),
    '{"cmd":"a","envs":{"__proto__":"x"}}',
    '{"cmd":"a","__proto__":{"background":true}}',
    '{"cmd":"a","envs":{"\\u005f_proto__":"x"}}',
  ]) {
    assert.equal((await problemOf(await world.call("POST", exec, { body }))).code, "invalid_request");
  }
});

test("a field given twice counts once, the last time", async () => {
  await using world = await createWorld();
  const response = await world.call("POST", exec, { body: '{"cmd":"first","cmd":"last"}' });
  assert.match(await response.text(), /"stdout":"last\\n"/);
});

test("NUL characters and lone surrogates in a command are a 400 that names the field", async () => {
  await using world = await createWorld();
  for (const [json, field] of [
    [{ cmd: "a\0b" }, "cmd"],
    [{ cmd: "a", args: ["ok", "a\0b"] }, "args.1"],
    [{ cmd: "a", envs: { A: "\0" } }, "envs.A"],
    [{ cmd: "a", cwd: "/\0" }, "cwd"],
    [{ cmd: "\ud800" }, "cmd"],
  ] as const) {
    const error = await problemOf(await world.call("POST", exec, { json }));
    assert.equal(error.details?.["field"], field);
  }
});

test("a capsule's name that is like an id, cannot stand in a path or cannot be seen is a 400 that names the field", async () => {
  await using world = await createWorld();
  const id = IDS.running;
  const create = (name: string) => world.call("POST", "/v1/capsules", { json: { name } });
  // What stands where an id does in another operation's path.
  const words = Object.values(OPERATIONS).flatMap(({ path }) => /^\/v1\/capsules\/([^/{}]+)$/.exec(path)?.[1] ?? []);
  assert.ok(words.length > 0);
  const bad = [
    ...words,
    id,
    "cl-x",
    "CL-x",
    "a/b",
    "a:b",
    "a\nb",
    "a\tb",
    "a\u001b[2J",
    "a\u0085b",
    "a\u2028b",
    "a\u202eb",
    "\u2800",
    "a\u3164",
    "\uffa0b",
    ".",
    "..",
    ".a",
    "-a",
    " a",
    "a ",
    "a\0b",
    "",
  ];
  for (const name of bad) {
    const error = await problemOf(await create(name));
    assert.deepEqual([error.code, error.details?.["field"]], ["invalid_request", "name"], JSON.stringify(name));
    const fork = await problemOf(await world.call("POST", `/v1/capsules/${id}/fork`, { json: { name } }));
    assert.deepEqual([fork.code, fork.details?.["field"]], ["invalid_request", "name"], JSON.stringify(name));
  }
  for (const name of ["box", "My box", "agent-7_b.c", "Größe 2", "箱", "cl", "x".repeat(LIMITS.nameCharsMax)])
    assert.equal((await create(name)).status, 201, name);
});

test("a number of a query is one in decimal digits, not all that JavaScript takes for one", async () => {
  await using world = await createWorld();
  const ask = (query: string) => world.call("GET", `/v1/capsules/${IDS.running}/processes/42/output?${query}`);
  for (const text of ["", "%20", "0x10", "1e3", "%2B1", "1_000"]) {
    const refused = await problemOf(await ask(`from=${text}`));
    assert.deepEqual([refused.code, refused.details?.["field"]], ["invalid_request", "from"], text);
  }
  assert.equal((await ask("from=0&limit=10")).status, 200);
});

test("every bad field is listed, up to 20 of them", async () => {
  await using world = await createWorld();
  const two = await problemOf(await world.call("POST", exec, { json: { cmd: "", tag: "42", args: "no" } }));
  const fields = z.array(z.object({ field: z.string() })).parse(two.details?.["problems"]);
  assert.deepEqual(fields.map(({ field }) => field).toSorted(), ["args", "cmd", "tag"]);
  const many = await problemOf(await world.call("POST", exec, { json: { cmd: "a", args: Array.from({ length: 100 }, () => 1) } }));
  assert.equal(z.array(z.unknown()).parse(many.details?.["problems"]).length, 20);
});

test("unknown fields are a 400 where schemas are strict, and dropped and noted by name where they are not", async () => {
  await using world = await createWorld({ config: { logRequests: true } });
  const strict = await problemOf(await world.call("POST", "/v1/api-keys", { key: KEYS.admin, json: { name: "a", colour: "red" } }));
  assert.equal(strict.details?.["field"], "colour");
  const loose = await world.call("POST", exec, { json: { cmd: "a", colour: "secret-red" } });
  assert.equal(loose.status, 200);
  const noted = world.log.find((line) => line.message === "unknown fields were dropped");
  assert.deepEqual(noted?.fields["fields"], ["colour"]);
  assert.equal(JSON.stringify(world.log).includes("secret-red"), false);
});

test("a body of the wrong type is a 415, one without a type is taken for JSON", async () => {
  await using world = await createWorld();
  const wrong = await world.call("POST", exec, { body: "<a/>", headers: { "content-type": "text/xml" } });
  assert.equal((await problemOf(wrong)).code, "unsupported_media_type");
  for (const type of ["application/json; charset=utf-8", "application/vnd.api+json", "APPLICATION/JSON"]) {
    assert.equal((await world.call("POST", exec, { body: '{"cmd":"a"}', headers: { "content-type": type } })).status, 200);
  }
  assert.equal(
    (await world.call("POST", exec, { body: new Uint8Array(Buffer.from('{"cmd":"a"}')), headers: { "content-type": "application/json" } }))
      .status,
    200,
  );
});

test("an empty body is fine where none is needed or every field may be left out, with a content type or without", async () => {
  await using world = await createWorld();
  for (const path of [`/v1/capsules/${IDS.running}/pause`, `/v1/capsules/${IDS.paused}/resume`, "/v1/capsules"]) {
    for (const headers of [{}, { "content-type": "application/json" }]) {
      const response = await world.call("POST", path, { body: "", headers });
      assert.ok(response.status < 300, `${path} ${response.status}`);
    }
  }
});

test(`a body of ${LIMITS.bodyBytesMax} bytes is read, one more is a 413, also when it comes in chunks`, async () => {
  await using world = await createWorld();
  const padded = `{"cmd":"a"}${" ".repeat(LIMITS.bodyBytesMax - 11)}`;
  assert.equal((await world.call("POST", exec, { body: padded })).status, 200);
  assert.equal((await problemOf(await world.call("POST", exec, { body: `${padded} ` }))).code, "too_large");
  await using pipeline = await Pipeline.open(world);
  pipeline.socket.write(`POST ${exec} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEYS.member}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
  for (let sent = 0; sent <= LIMITS.bodyBytesMax; sent += 0x10000) pipeline.socket.write(chunk);
  const [answer] = await pipeline.answers(1);
  assert.equal(answer?.status, 413);
});

test("a message too deep to walk recursively is refused or dropped, not fatal", async () => {
  await using world = await createWorld();
  const deep = `{"cmd":"a","__proto__x":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
  assert.ok((await world.call("POST", exec, { body: deep })).status < 500);
});

test("every operation of the contract was tried with bodies or paths", () => {
  assert.equal(OPERATION_LIST.length, Object.keys(OPERATIONS).length);
  assert.ok(OPERATION_LIST.length >= 23);
});
