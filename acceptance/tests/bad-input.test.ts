import assert from "node:assert/strict";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { after, before, test } from "node:test";
import { ERRORS, LIMITS, OPERATION_LIST } from "@capsuled/contract";
import type { Operation } from "@capsuled/contract";
import fc from "fast-check";
import { call, errorOf, expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { processUse } from "../harness/host.ts";
import { readState } from "../harness/state.ts";
import { openSocket } from "../harness/stream.ts";
import { waitUntil } from "../harness/wait.ts";
import { bodies, junkText } from "../harness/generate.ts";

let capsule: TestCapsule;
/** For operations that may wreck the capsule's own system, such as the removal of a path that a generated one happens to be. */
let wreck: TestCapsule;
before(async () => {
  capsule = await newCapsule({ memory_mb: 256, disk_mb: 64 });
  wreck = await newCapsule({ memory_mb: 256, disk_mb: 64 });
});
after(async () => {
  await capsule[Symbol.asyncDispose]();
  await wreck[Symbol.asyncDispose]();
});

/** Operations that name the capsule and do it no harm. */
const HARMLESS: readonly Operation[] = OPERATION_LIST.filter(
  ({ id }) => !["destroyCapsule", "stopCapsule", "pauseCapsule", "createTeam", "createKey", "revokeKey"].includes(id),
);
const RUNS = Number(process.env["CAPSULED_TEST_RUNS"] ?? 60);

/** Forks of what is there would be many, and each is a capsule. */
function objectOf({ id, tag }: Operation): string {
  if (id === "forkCapsule") return "cl-0000000000000000000000000";
  return tag === "Files" ? wreck.id : capsule.id;
}

/** One request sent as bytes, and the status and body that come back; null where the server just closed. */
async function raw(bytes: Buffer | string, endAfter = true): Promise<{ readonly status: number; readonly text: string } | null> {
  const { hostname, port } = new URL(readState().url);
  const socket = connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => {}); // a reset is an answer too
  socket.write(bytes);
  if (endAfter) socket.end();
  await new Promise<void>((done) => {
    const timer = setTimeout(() => socket.destroy(), 15_000);
    socket.once("close", () => {
      clearTimeout(timer);
      done();
    });
  });
  const text = Buffer.concat(chunks).toString("latin1");
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1];
  return status === undefined ? null : { status: Number(status), text };
}

function request(method: string, path: string, body: Buffer | string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const { url, adminKey } = readState();
  const bytes = Buffer.from(body);
  const all = {
    host: new URL(url).host,
    "x-api-key": adminKey,
    connection: "close",
    "content-type": "application/json",
    "content-length": String(bytes.length),
    ...headers,
  };
  const head = `${method} ${path} HTTP/1.1\r\n${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), bytes]);
}

/** Ends the builds that generated recipes began, and deletes what they made. */
async function removeBuilt(): Promise<void> {
  for (const { id } of await expectCall("listTemplateBuilds", 200)) {
    const { state, name } = await expectCall("cancelTemplateBuild", 200, { params: { id } });
    if (state === "ready") await call("deleteSnapshot", { params: { name } });
  }
}

async function stillWell(): Promise<void> {
  assert.equal((await capsule.sh("echo well")).stdout, "well\n");
  assert.equal((await expectCall("getHealth", 200, { key: null })).status, "ok");
}

for (const operation of HARMLESS.filter(({ body }) => body !== null)) {
  test(`${operation.id} answers any generated body by the contract, never with a 500`, { timeout: 300_000 }, async () => {
    const made: string[] = [];
    try {
      await fc.assert(
        fc.asyncProperty(bodies(operation), async (body) => {
          const id = operation.id as Parameters<typeof call>[0]; // a row's own id
          const answer = await call(id, {
            params: { id: objectOf(operation), port: "3000", owner: "nobody-at-all", name: "generated" },
            body,
            signal: AbortSignal.timeout(60_000),
          });
          assert.notEqual(answer.status, 500, JSON.stringify(answer.body));
          if (operation.id === "createCapsule" && answer.status === 201) made.push(String(Reflect.get(Object(answer.body), "id")));
        }),
        { numRuns: operation.id === "createCapsule" ? Math.ceil(RUNS / 2) : RUNS, endOnFailure: true },
      );
    } finally {
      for (const id of made) await expectCall("destroyCapsule", 204, { params: { id } });
      if (operation.id === "createTemplate") await removeBuilt();
    }
    await stillWell();
  });
}

test("bodies that are not the JSON asked for are 400, 413 or 415 in the one shape of errors", async () => {
  const path = `/v1/capsules/${capsule.id}/exec`;
  const cases: readonly (readonly [Buffer | string, number, Readonly<Record<string, string>>?])[] = [
    ["", 400],
    ["{", 400],
    ["{}}", 400],
    ['{"cmd":"true"', 400],
    ["[]", 400],
    ["null", 400],
    ['"text"', 400],
    ["5", 400],
    ["nul\0l", 400],
    [Buffer.from([0xff, 0xfe, 0x00]), 400],
    [Buffer.concat([Buffer.from('{"cmd":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]), 200],
    ['{"cmd":"true","__proto__":{"background":true}}', 400],
    ["[".repeat(200_000), 400],
    [`{"cmd":"true","args":["${"x".repeat(LIMITS.bodyBytesMax)}"]}`, 413],
    ['{"cmd":"true"}', 415, { "content-type": "text/plain" }],
    ['{"cmd":"true"}', 415, { "content-type": "application/x-www-form-urlencoded" }],
  ];
  for (const [body, status, headers] of cases) {
    const answer = await raw(request("POST", path, body, headers), false);
    const shown = String(body).slice(0, 60);
    assert.ok(answer !== null, `${shown}: no answer`);
    if (status === 200 || shown.includes("__proto__")) assert.ok(answer.status < 500, `${shown}: ${answer.text}`);
    else assert.equal(answer.status, status, `${shown}: ${answer.text.slice(0, 400)}`);
    if (answer.status >= 400)
      errorOf(JSON.parse(answer.text.slice(answer.text.indexOf("\r\n\r\n") + 4).replace(/^[0-9a-f]+\r\n([^]*)\r\n0\r\n\r\n$/, "$1")));
  }
  await stillWell();
});

test("unknown paths are 404 and wrong methods 405 with Allow, in the one shape of errors", async () => {
  const { url, adminKey } = readState();
  const headers = { "x-api-key": adminKey };
  for (const path of [
    "/v1",
    "/v1/",
    "/v1/nothing",
    "/v1/capsules/",
    "/V1/capsules",
    "/v2/capsules",
    "/api/v1",
    "/v1//capsules",
    "/favicon.ico",
    "/v1/capsules/%2e%2e/%2e%2e/etc/passwd",
    "/../../etc/passwd",
    "/v1/capsules/x/y/z",
    "/%00",
    "/%ff",
    "/%",
    "/v1/capsules/%",
  ]) {
    const answer = await raw(`GET ${path} HTTP/1.1\r\nhost: x\r\nx-api-key: ${adminKey}\r\nconnection: close\r\n\r\n`, false);
    assert.ok(answer !== null && [400, 404].includes(answer.status), `${path}: ${answer?.text}`);
    assert.match(answer.text, /"error"/, path);
  }
  for (const [method, path] of [
    ["PUT", "/v1/capsules"],
    ["DELETE", "/v1/capsules"],
    ["POST", "/healthz"],
    ["GET", `/v1/capsules/${capsule.id}/exec`],
    ["PATCH", `/v1/capsules/${capsule.id}`],
  ] as const) {
    const answer = await fetch(`${url}${path}`, { method, headers });
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.ok(answer.headers.get("allow"), `${method} ${path}`);
    errorOf(await answer.json());
  }
});

test("query strings of any kind are answered by the contract", { timeout: 300_000 }, async () => {
  const { url, adminKey } = readState();
  await fc.assert(
    fc.asyncProperty(fc.dictionary(junkText(), junkText(), { maxKeys: 5 }), async (query) => {
      for (const path of ["/v1/capsules", `/v1/capsules/${capsule.id}/processes`, `/v1/capsules/${capsule.id}`]) {
        const answer = await fetch(`${url}${path}?${new URLSearchParams(query).toString()}`, { headers: { "x-api-key": adminKey } });
        const body: unknown = await answer.json();
        if (answer.status !== 200) assert.ok(answer.status < 500, JSON.stringify([query, errorOf(body)]));
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  for (const query of [
    "metadata.__proto__=x",
    "limit=1&limit=2",
    "status=running&status=paused",
    "%00=%00",
    "=",
    "&&&",
    "metadata.=x",
    `metadata.${"k".repeat(5000)}=1`,
    "cursor=%F0%9F%98%80&limit=1",
  ]) {
    const answer = await fetch(`${url}/v1/capsules?${query}`, { headers: { "x-api-key": adminKey } });
    await answer.text();
    assert.ok(answer.status < 500, query);
  }
});

test("selectors and ids of any text find nothing and break nothing", { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(junkText(), junkText(), async (id, selector) => {
      if (id === "" || selector === "" || /^\.{1,2}$/.test(id) || /^\.{1,2}$/.test(selector)) return;
      for (const answer of [
        await call("getCapsule", { params: { id } }),
        await call("killProcess", { params: { id: capsule.id, selector } }),
        await call("revokeKey", { params: { key_id: id } }),
      ]) {
        assert.ok([400, 404].includes(answer.status), JSON.stringify([id, selector, answer.body]));
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});

test("bytes that are not HTTP are answered 400 or closed, and the server goes on", async () => {
  const floods: readonly (Buffer | string)[] = [
    "\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    "GET  HTTP/1.1\r\n\r\n",
    "\0\0\0\0",
    Buffer.from(Array.from({ length: 4096 }, (_, n) => (n * 31) % 256)),
    "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
    "POST /v1/capsules HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/capsules HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n",
    `GET / HTTP/1.1\r\nhost: a\r\nx: ${"x".repeat(100_000)}\r\n\r\n`,
    `GET /${"x".repeat(100_000)} HTTP/1.1\r\nhost: a\r\n\r\n`,
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  ];
  for (const flood of floods) {
    const answer = await raw(flood);
    assert.ok(answer === null || (answer.status >= 400 && answer.status < 500), answer?.text.slice(0, 200));
  }
  assert.match(
    (await raw("GET /healthz?a=é HTTP/1.1\r\nhost: a\r\n\r\n"))?.text ?? "",
    /must be percent-encoded/,
    "it is told what is wrong",
  );
  await stillWell();
});

test("clients that vanish half-way through head, body or answer leave nothing behind", { timeout: 300_000 }, async () => {
  const { pid } = readState();
  await stillWell();
  const before = processUse(pid).descriptors;
  const whole = request(
    "POST",
    `/v1/capsules/${capsule.id}/exec`,
    JSON.stringify({ cmd: "sh", args: ["-c", "sleep 0.3; head -c 3000000 /dev/zero | tr '\\0' x"] }),
  );
  const { hostname, port } = new URL(readState().url);
  const cut = async (upTo: number): Promise<void> => {
    const socket: Socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    await new Promise<void>((done) => socket.once("connect", done));
    await new Promise<void>((done) => socket.write(whole.subarray(0, upTo), () => done()));
    socket.resetAndDestroy();
  };
  for (let n = 0; n < 60; n++) await cut(Math.floor((whole.length * (n % 20)) / 19));
  await waitUntil(async () => ((await capsule.processes()).length === 0 ? true : undefined), {
    what: "their processes to end",
    timeoutMs: 15_000,
  });
  await waitUntil(() => (processUse(pid).descriptors <= before + 4 ? true : undefined), {
    what: "their descriptors to be closed",
    timeoutMs: 15_000,
  });
  await stillWell();
});

test("sockets that send junk, binary or nothing end by themselves and leave the server as it was", { timeout: 300_000 }, async () => {
  const { pid } = readState();
  const before = processUse(pid).descriptors;
  const path = `/v1/capsules/${capsule.id}/exec/stream`;
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
        fc.json(),
      ),
      async (message) => {
        await using client = await openSocket(path);
        client.send(message);
        const { code } = await client.closed;
        assert.ok([4002, 1000, 1007, 1009].includes(code), `${code} for ${JSON.stringify(message)}`);
      },
    ),
    { numRuns: RUNS, endOnFailure: true },
  );
  const { hostname, port } = new URL(readState().url);
  const key = readState().adminKey;
  for (const tail of [
    Buffer.from([0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x81, 0x05, 1, 2, 3]),
    Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    Buffer.alloc(65_536, 0x41),
  ]) {
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    socket.write(
      `GET ${path} HTTP/1.1\r\nhost: x\r\nx-api-key: ${key}\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    await new Promise<void>((done) => socket.once("data", () => done()));
    socket.write(tail);
    await new Promise<void>((done) => {
      socket.resume();
      socket.once("close", () => done());
      setTimeout(() => socket.destroy(), 12_000).unref();
    });
  }
  await waitUntil(() => (processUse(pid).descriptors <= before + 4 ? true : undefined), {
    what: "their descriptors to be closed",
    timeoutMs: 20_000,
  });
  await stillWell();
});

test("an upgrade with a broken handshake or to another protocol is refused as HTTP", async () => {
  const { adminKey } = readState();
  const base = `GET /v1/capsules/${capsule.id}/exec/stream HTTP/1.1\r\nhost: x\r\nx-api-key: ${adminKey}\r\nconnection: upgrade\r\n`;
  for (const rest of [
    "upgrade: h2c\r\n\r\n",
    "upgrade: websocket\r\n\r\n",
    "upgrade: websocket\r\nsec-websocket-version: 12\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: short\r\n\r\n",
  ]) {
    const answer = await raw(base + rest);
    assert.ok(answer !== null && answer.status >= 400 && answer.status < 500, `${rest}: ${answer?.text}`);
  }
});

test("unknown fields are refused on our own operations and ignored on those that the documented client calls", async () => {
  await expectError("createKey", "invalid_request", { body: { nme: "x" } });
  await expectError("createTeam", "invalid_request", { body: { name: "x", colour: "red" } });
  assert.equal(
    (await expectCall("exec", 200, { params: { id: capsule.id }, body: { cmd: "true", future_field: { deep: [1] } } })).exit_code,
    0,
  );
});

test("every code that an error may carry has one status", () => {
  assert.ok(Object.values(ERRORS).every(({ status }) => status >= 400 && status < 600));
});
