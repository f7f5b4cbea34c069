import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { test } from "node:test";
import { fail } from "../../core/fail.ts";
import { IDS, KEYS } from "../testing/fake-services.ts";
import type { World } from "../testing/world.ts";
import { createWorld } from "../testing/world.ts";
import { problemOf } from "../testing/problem-shape.ts";
import { REFUSED_UPLOAD } from "./discard-rest.ts";
import { FORM_LIMITS } from "./multipart.ts";

const PATH = `/v1/capsules/${IDS.running}/files`;
const FORM = { "content-type": "multipart/form-data; boundary=cut" };

const field = (name: string, value: string): string => `--cut\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (bytes: string): string =>
  `--cut\r\nContent-Disposition: form-data; name="file"; filename="upload"\r\nContent-Type: application/octet-stream\r\n\r\n${bytes}\r\n`;
const END = "--cut--\r\n";

const send = (world: World, body: string, query = ""): Promise<Response> =>
  world.call("POST", `${PATH}/stream/write${query}`, { body, headers: FORM });

test("the parts of a form come in any order, and the path may be in the query", async () => {
  await using world = await createWorld();
  for (const [body, query, where] of [
    [field("path", "/a") + file("one") + END, "", "/a"],
    [file("two") + field("path", "/b") + END, "", "/b"],
    [field("other", "x") + file("three") + END, "?path=/c", "/c"],
    [field("path", "/d") + file("four") + field("path", "/d") + END, "", "/d"],
  ] as const) {
    assert.equal((await send(world, body, query)).status, 204);
    assert.ok(world.services.written.has(where), where);
  }
});

test("a form that says too little, too much or two things writes nothing", async () => {
  await using world = await createWorld();
  const { size } = world.services.written;
  for (const body of [
    field("path", "/a") + END,
    file("x") + END,
    file("x") + field("path", "") + END,
    field("path", "/a") + file("x") + file("y") + END,
    field("path", "/a") + file("x") + field("path", "/b") + END,
    field("path", "/a") + field("path", "/b") + file("x") + END,
    field("path", "/".repeat(FORM_LIMITS.fieldSize + 1)) + file("x") + END,
    field("more", "x").repeat(FORM_LIMITS.fields + 1) + field("path", "/a") + file("x") + END,
    "no form at all",
    "",
  ]) {
    assert.equal((await problemOf(await send(world, body))).code, "invalid_request", body.slice(0, 200));
  }
  const noBoundary = await world.call("POST", `${PATH}/write`, { body: "x", headers: { "content-type": "multipart/form-data" } });
  assert.equal((await problemOf(noBoundary)).code, "invalid_request");
  const noForm = await world.call("POST", `${PATH}/write`, { json: { path: "/a" } });
  assert.equal((await problemOf(noForm)).code, "invalid_request");
  assert.equal(world.services.written.size, size);
});

test("a part with more headers than are looked at is still a part, and one without end is none", async () => {
  await using world = await createWorld();
  const many = "X-More: 1\r\n".repeat(FORM_LIMITS.headerPairs * 2);
  const padded = file("x").replace("Content-Type", `${many}Content-Type`);
  assert.equal((await send(world, padded + END, "?path=/many")).status, 204);
  const endless = file("x").replace("Content-Type", `X-Long: ${"y".repeat(FORM_LIMITS.headerSize * 2)}\r\nContent-Type`);
  assert.ok([204, 400].includes((await send(world, endless + END, "?path=/long")).status));
});

test("a form that is cut anywhere writes nothing", async () => {
  await using world = await createWorld();
  const { size } = world.services.written;
  for (const whole of [field("path", "/a") + file("some bytes") + END, file("some bytes") + field("path", "/a") + END]) {
    for (let length = 0; length < whole.length - "--\r\n".length; length += 1) {
      const answer = await send(world, whole.slice(0, length));
      assert.equal((await problemOf(answer)).code, "invalid_request", whole.slice(0, length));
    }
  }
  assert.equal(world.services.written.size, size);
});

test("an upload that is refused is read on, so that its sender gets the answer", async () => {
  await using world = await createWorld();
  world.services.files.write = async () => {
    throw fail("disk_full");
  };
  const body = Buffer.alloc(16 * 1024 * 1024);
  const answer = await world.call("POST", `${PATH}/stream/write?path=/a`, {
    body,
    headers: { "content-type": "application/octet-stream" },
  });
  assert.equal((await problemOf(answer)).code, "disk_full");
  assert.notEqual(answer.headers.get("connection"), "close");
});

/** A request of which only the head and `beginning` are sent. */
async function begin(world: World, path: string, length: number, beginning: string): Promise<Socket> {
  const { hostname, port } = new URL(world.url);
  const socket = connect(Number(port), hostname);
  socket.setEncoding("latin1");
  socket.on("error", () => {});
  await once(socket, "connect");
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEYS.member}\r\nContent-Length: ${length}\r\n\r\n`;
  socket.write(head + beginning);
  return socket;
}

async function answerOn(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: string) => (text += chunk));
  await once(socket, "close");
  return text;
}

test("a file may come for longer than a request may, and is given up only when nothing of it comes", async () => {
  await using world = await createWorld({ connections: { requestMs: 100, uploadStallMs: 400 } });
  const socket = await begin(world, `${PATH}/stream/write?path=/slow`, 1000, "x");
  const answer = answerOn(socket);
  for (let sent = 0; sent < 5; sent += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.write("more");
  }
  assert.match(await answer, /^HTTP\/1\.1 408 /);
  assert.ok(!world.services.written.has("/slow"));
  const other = await begin(world, `${PATH}/list`, 1000, "{");
  assert.match(await answerOn(other), /^HTTP\/1\.1 408 /, "what is no upload keeps its bound");
});

test("a client that leaves in the midst leaves nothing, and nobody is answered", async () => {
  await using world = await createWorld();
  let told: (error: unknown) => void = () => {};
  const ended = new Promise((resolve) => (told = resolve));
  world.services.files.write = async (_principal, _id, _path, _wish, source) => {
    try {
      for await (const bytes of source) if (bytes.length > 0) socket.destroy();
    } catch (error) {
      told(error);
      throw error;
    }
    throw new Error("the source ended");
  };
  const socket = await begin(world, `${PATH}/stream/write?path=/left`, 1000, "some");
  assert.match(String(await ended), /ClientGoneError/);
});

test("what announces more than a plain write takes is refused before it is read", async () => {
  await using world = await createWorld();
  const socket = await begin(world, `${PATH}/write?path=/big`, 105 * 1024 * 1024, "x");
  const text = await answerOn(socket);
  assert.match(text, /^HTTP\/1\.1 413 [\s\S]*too_large/);
  assert.ok(REFUSED_UPLOAD.ms <= 10_000);
});
