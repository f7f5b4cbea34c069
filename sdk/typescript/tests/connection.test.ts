import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { behaviour } from "../../testing/behaviour.ts";
import { Capsule, Client, ConnectionError, MissingKeyError, RequestTimeoutError, SettingsError, WrongServerError } from "../src/index.ts";
import { byteServer, fakeServer, RUNNING } from "../testing/fake-server.ts";

const apiKey = "wrn_test";

behaviour("settings.environment", async () => {
  await using first = await fakeServer({ answer: () => ({ body: RUNNING }) });
  await using second = await fakeServer({ answer: () => ({ body: RUNNING }) });
  const before = { url: process.env["CAPSULED_URL"], key: process.env["CAPSULED_API_KEY"] };
  try {
    process.env["CAPSULED_URL"] = `${first.url}/`;
    process.env["CAPSULED_API_KEY"] = "wrn_environment";
    await Capsule.getInfo("cl-a");
    await Capsule.getInfo("cl-b", { url: second.url, apiKey: "wrn_code" });
  } finally {
    restore("CAPSULED_URL", before.url);
    restore("CAPSULED_API_KEY", before.key);
  }
  assert.deepEqual(
    first.asked.map(({ url, headers }) => [url, headers["x-api-key"]]),
    [["/v1/capsules/cl-a", "wrn_environment"]],
  );
  assert.deepEqual(
    second.asked.map(({ url, headers }) => [url, headers["x-api-key"]]),
    [["/v1/capsules/cl-b", "wrn_code"]],
  );
});

behaviour("settings.missing-key", async () => {
  await using server = await fakeServer({ answer: () => ({ body: RUNNING }) });
  const before = process.env["CAPSULED_API_KEY"];
  try {
    delete process.env["CAPSULED_API_KEY"];
    await assert.rejects(Capsule.create({ url: server.url }), (error: Error) => {
      assert.ok(error instanceof MissingKeyError);
      assert.match(error.message, /CAPSULED_API_KEY.*admin-key/);
      return true;
    });
  } finally {
    restore("CAPSULED_API_KEY", before);
  }
  assert.equal(server.asked.length, 0, "nothing is sent without a key");
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

test("a URL with a user or a password is refused, since neither would be sent, and the error does not repeat them", () => {
  for (const url of ["http://me:s3cret@host.test:1", "https://s3cret@host.test:1/base"]) {
    assert.throws(
      () => new Client({ url, apiKey }),
      (error: Error) =>
        error instanceof SettingsError && /URL of host\.test:1 .*API key/.test(error.message) && !error.message.includes("s3cret"),
    );
  }
});

test("a URL that is none is refused with what one looks like", () => {
  for (const url of ["nonsense", "ftp://host", "http://host/?a=b"]) {
    assert.throws(
      () => new Client({ url, apiKey }),
      (error: Error) => error instanceof SettingsError && error.message.includes("CAPSULED_URL"),
    );
  }
});

behaviour("error.no-server", async () => {
  const url = await closedUrl();
  await assert.rejects(Capsule.getInfo("cl-a", { url, apiKey }), (error: Error) => {
    assert.ok(error instanceof ConnectionError);
    assert.equal(error.outcome, "nothing_done");
    assert.ok(error.message.includes(url) && error.message.includes("npm start") && error.message.includes("CAPSULED_URL"), error.message);
    return true;
  });
});

/** A URL at which nobody listens: a port that was free a moment ago. */
async function closedUrl(): Promise<string> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise<void>((done) => server.close(() => done()));
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 1}`;
}

behaviour("error.wrong-url", async () => {
  const answers = [
    { body: "<html>Hello from another server</html>", headers: { "content-type": "text/html" } },
    { status: 404, body: "<html>Hello from another server</html>", headers: { "content-type": "text/html" } },
    { status: 302, body: "Hello from another server", headers: { location: "https://elsewhere.test/" } },
  ];
  for (const answer of answers) {
    await using server = await fakeServer({ answer: () => answer });
    await assert.rejects(Capsule.getInfo("cl-a", { url: server.url, apiKey }), (error: Error) => {
      assert.ok(error instanceof WrongServerError, String(error));
      assert.ok(error.message.includes("Hello from another server") && error.message.includes("CAPSULED_URL"), error.message);
      return true;
    });
    assert.equal(server.asked.length, 1, "another server is not asked again");
  }
  const body = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{"a":1}';
  await using other = await byteServer((socket) => socket.once("data", () => socket.end(body)));
  await assert.rejects(Capsule.getInfo("cl-a", { url: other.url, apiKey }), WrongServerError);
});

behaviour("error.slow", async () => {
  await using server = await fakeServer({ answer: () => null });
  const options = { url: server.url, apiKey, requestTimeoutMs: 100, retryForMs: 0 };
  await assert.rejects(Capsule.getInfo("cl-a", options), (error: Error) => {
    assert.ok(error instanceof RequestTimeoutError);
    assert.match(error.message, /within 100 ms/);
    return true;
  });
});

behaviour("error.cut", async () => {
  const health = { status: "ok", version: "0", checks: {} };
  const body = JSON.stringify(health);
  // Each says that its connection ends: the next request might go there before the end has come.
  const head = "HTTP/1.1 200 OK\r\nX-Request-Id: req-1\r\nConnection: close\r\nContent-Type: application/json\r\n";
  const answers = [
    `${head}Content-Length: ${body.length}\r\n\r\n${body}`,
    `${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  ];
  for (const answer of answers) {
    // Each odd connection is cut one byte later than the one before.
    await using server = await byteServer((socket, count) => {
      socket.once("data", () => socket.end(count % 2 === 1 ? answer.slice(0, (count - 1) / 2) : answer));
    });
    const client = new Client({ url: server.url, apiKey, retryForMs: 0 });
    for (let at = 0; at < answer.length; at += 1) {
      await assert.rejects(client.system.health(), ConnectionError, `cut at ${at}`);
      assert.deepEqual(await client.system.health(), health, "the whole answer");
    }
  }
});

test("a request that was cut is asked for again by itself", async () => {
  const body = JSON.stringify(RUNNING);
  const answer = `HTTP/1.1 200 OK\r\nX-Request-Id: req-1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  await using server = await byteServer((socket, count) => {
    socket.once("data", () => socket.end(count < 3 ? answer.slice(0, answer.length - count) : answer));
  });
  assert.deepEqual(await Capsule.getInfo("cl-a", { url: server.url, apiKey }), RUNNING);
});
