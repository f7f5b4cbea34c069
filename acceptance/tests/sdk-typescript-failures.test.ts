import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import {
  ApiError,
  Capsule,
  CommandTimeoutError,
  ConflictError,
  ConnectionError,
  DigestError,
  ForbiddenError,
  IdempotencyConflictError,
  InvalidRequestError,
  InvalidStateError,
  MissingKeyError,
  NotFoundError,
  RequestTimeoutError,
  TagInUseError,
  WrongServerError,
} from "capsuled";
import type { Client } from "capsuled";
import { behaviour } from "../../sdk/testing/behaviour.ts";
import { answerOf, meddlingProxy } from "../harness/meddling-proxy.ts";
import { sdkCapsule, sdkClient, sdkOptions, through } from "../harness/sdk.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

/** The ids of all capsules of a client's team. */
async function idsOf(client: Client): Promise<string[]> {
  const found: string[] = [];
  for await (const { id } of client.capsules.list()) found.push(id);
  return found;
}

behaviour("settings.environment", async () => {
  const { url, adminKey } = readState();
  const { key } = await newTeam();
  await using capsule = await sdkCapsule();
  await using proxy = await meddlingProxy();
  const before = { ...process.env };
  try {
    process.env["CAPSULED_URL"] = `${proxy.url}/`;
    process.env["CAPSULED_API_KEY"] = adminKey;
    assert.equal((await Capsule.getInfo(capsule.id)).id, capsule.id);
    assert.deepEqual(proxy.requests, [`GET /v1/capsules/${capsule.id}`]);
    await Capsule.getInfo(capsule.id, { url });
    assert.equal(proxy.requests.length, 1, "what is given in code wins");
    await assert.rejects(Capsule.getInfo(capsule.id, { apiKey: key }), NotFoundError, "the other team's key is used");
  } finally {
    restore("CAPSULED_URL", before["CAPSULED_URL"]);
    restore("CAPSULED_API_KEY", before["CAPSULED_API_KEY"]);
  }
});

behaviour("settings.missing-key", async () => {
  await using proxy = await meddlingProxy();
  const before = process.env["CAPSULED_API_KEY"];
  try {
    delete process.env["CAPSULED_API_KEY"];
    await assert.rejects(Capsule.create({ url: proxy.url }), (error: Error) => {
      assert.ok(error instanceof MissingKeyError && /CAPSULED_API_KEY.*admin-key/.test(error.message), error.message);
      return true;
    });
  } finally {
    restore("CAPSULED_API_KEY", before);
  }
  assert.deepEqual(proxy.requests, [], "nothing is sent without a key");
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

behaviour("error.typed", async () => {
  const { key } = await newTeam();
  const client = sdkClient({ apiKey: key });
  const member = sdkClient({ apiKey: (await client.keys.create({ role: "member" })).key });
  await using capsule = await client.capsules.create({ name: "typed" });
  const { commands, files } = capsule;
  await commands.run("sleep 600", { background: true, tag: "taken" });
  const named = { idempotencyKey: `named-${capsule.id}` };
  await commands.run("true", named);
  const cases: readonly [() => Promise<unknown>, new (...args: never[]) => ApiError, string, number][] = [
    [() => client.capsules.getInfo("cl-none"), NotFoundError, "not_found", 404],
    [() => client.capsules.create({ vcpus: -1, memory_mb: -1 }), InvalidRequestError, "invalid_request", 400],
    [() => client.capsules.create({ name: "typed" }), ConflictError, "conflict", 409],
    [() => member.keys.create(), ForbiddenError, "forbidden", 403],
    [() => commands.run("sleep 1", { background: true, tag: "taken" }), TagInUseError, "tag_in_use", 409],
    [() => commands.run("false", named), IdempotencyConflictError, "idempotency_conflict", 422],
    [() => commands.run("echo so far; exec sleep 600", { timeout: 1 }), CommandTimeoutError, "timeout", 504],
    [() => files.write("/etc/passwd", "x", { exclusive: true }), ConflictError, "conflict", 409],
  ];
  for (const [ask, kind, code, status] of cases) {
    await assert.rejects(
      ask(),
      (error: Error) => {
        assert.ok(error instanceof kind && error instanceof ApiError && error.constructor !== ApiError, `${code}: ${String(error)}`);
        assert.deepEqual([error.code, error.status, error.name], [code, status, kind.name]);
        assert.match(error.requestId ?? "", /^req-/, code);
        assert.notEqual(error.message, "");
        if (error.code === "timeout") assert.equal(error.details["stdout"], "so far\n");
        if (error.code === "invalid_request") assert.match(error.message, /vcpus.*memory_mb/);
        return true;
      },
      code,
    );
  }
  await capsule.pause();
  await assert.rejects(commands.run("true"), (error: Error) => error instanceof InvalidStateError && error.code === "invalid_state");
  const newer = (bytes: Buffer): Buffer => Buffer.from(bytes.toString("latin1").replace('"not_found"', '"brand_new"'), "latin1");
  await using proxy = await meddlingProxy(() => ({ alter: newer }));
  await assert.rejects(sdkClient({ apiKey: key, url: proxy.url }).capsules.getInfo("cl-none"), (error: Error) => {
    assert.ok(error instanceof ApiError && error.constructor === ApiError, String(error));
    assert.deepEqual([error.code, error.status], ["brand_new", 404]);
    return true;
  });
});

behaviour("error.no-server", async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise<void>((done) => server.close(() => done()));
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 1}`;
  await assert.rejects(sdkCapsule({ url }), (error: Error) => {
    assert.ok(error instanceof ConnectionError && error.outcome === "nothing_done", String(error));
    for (const said of [url, "capsuled start", "CAPSULED_URL"]) assert.ok(error.message.includes(said), error.message);
    return true;
  });
});

behaviour("error.wrong-url", async () => {
  for (const body of ["<html>Hello from another server</html>", '{"hello":"from another server"}']) {
    for (const status of [200, 302, 404]) {
      await using proxy = await meddlingProxy(() => ({
        instead: answerOf(status, body, { location: "https://elsewhere.test/" }).replace("x-request-id: req-proxy\r\n", ""),
      }));
      await assert.rejects(sdkClient({ url: proxy.url }).capsules.getInfo("cl-a"), (error: Error) => {
        assert.ok(error instanceof WrongServerError, String(error));
        assert.ok(error.message.includes("another server") && error.message.includes("CAPSULED_URL"), error.message);
        return true;
      });
      assert.equal(proxy.requests.length, 1, "another server is not asked again");
    }
  }
});

behaviour("error.slow", async () => {
  await using capsule = await sdkCapsule();
  for (const silentAfter of [0, 100]) {
    await using proxy = await meddlingProxy(() => ({ silentAfter }));
    const slow = { url: proxy.url, requestTimeoutMs: 200, retryForMs: 0 };
    await assert.rejects(sdkClient(slow).capsules.getInfo(capsule.id), (error: Error) => {
      assert.ok(error instanceof RequestTimeoutError && error.message.includes("within 200 ms"), String(error));
      return true;
    });
  }
});

behaviour("error.left-open", async () => {
  const { key } = await newTeam();
  const direct = sdkClient({ apiKey: key });
  // Every request arrives, and no answer does.
  await using proxy = await meddlingProxy(() => ({ cutAfter: 0 }));
  const lost = sdkClient({ apiKey: key, url: proxy.url, retryForMs: 500 });
  const failure = await lost.capsules.create({ name: "lost" }).then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(failure instanceof ConnectionError && failure.idempotencyKey !== null, String(failure));
  assert.ok(proxy.requests.length >= 2, "it was asked for again");
  await using found = await direct.capsules.create({ name: "lost", idempotencyKey: failure.idempotencyKey });
  assert.deepEqual(await idsOf(direct), [found.id], "it was made once, and found");
  const { url } = readState();
  const blind = sdkClient({
    apiKey: key,
    url: proxy.url,
    retryForMs: 500,
    // Its facts come by another way, and the command's answer does not.
    fetch: (input, init) => fetch(init?.method === "GET" && typeof input === "string" ? input.replace(proxy.url, url) : input, init),
  });
  const unheard = await (await blind.capsules.connect(found.id)).commands.run("echo ran >> /root/runs; wc -l < /root/runs").then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(unheard instanceof ConnectionError && unheard.idempotencyKey !== null, String(unheard));
  const heard = await found.commands.run("echo ran >> /root/runs; wc -l < /root/runs", { idempotencyKey: unheard.idempotencyKey });
  assert.equal(heard.stdout, "1\n", "it ran once, and its result is there");
});

behaviour("error.cut", async () => {
  await using capsule = await sdkCapsule();
  await using counting = await meddlingProxy();
  await sdkClient({ url: counting.url }).capsules.getInfo(capsule.id);
  const length = counting.passed;
  let at = 0;
  await using proxy = await meddlingProxy(() => ({ cutAfter: at }));
  const client = sdkClient({ url: proxy.url, retryForMs: 0 });
  for (at = 0; at < length; at += at < 40 ? 1 : 7) {
    await assert.rejects(client.capsules.getInfo(capsule.id), ConnectionError, `cut at ${at} of ${length}`);
  }
  assert.ok(length > 500, `${length} bytes`);
});

behaviour("retry.safe", async () => {
  const { key } = await newTeam();
  const direct = sdkClient({ apiKey: key });
  // What says that it passes is asked again, by the same name and as late as it says, and then done once.
  for (const [status, code] of [
    [503, "unavailable"],
    [503, "shutting_down"],
    [429, "rate_limited"],
  ] as const) {
    const instead = answerOf(status, { error: { code, message: "Later." } }, { "retry-after": code === "unavailable" ? "1" : "0" });
    await using proxy = await meddlingProxy((connection) => (connection < 3 ? { instead } : {}));
    const began = performance.now();
    await using capsule = await sdkClient({ apiKey: key, url: proxy.url }).capsules.create();
    if (code === "unavailable") assert.ok(performance.now() - began >= 1_990, "Retry-After is waited for");
    assert.deepEqual(proxy.requests.slice(0, 3), Array(3).fill("POST /v1/capsules"));
    assert.deepEqual(await idsOf(direct), [capsule.id]);
  }
  // An answer that is lost is asked for again; without a name, it may have been done, and is not.
  const lost = (connection: number) => (connection === 1 ? { cutAfter: 0 } : {});
  {
    await using proxy = await meddlingProxy(lost);
    await using capsule = await sdkClient({ apiKey: key, url: proxy.url }).capsules.create();
    assert.deepEqual(await idsOf(direct), [capsule.id]);
    assert.equal(proxy.requests.filter((one) => one === "POST /v1/capsules").length, 2);
  }
  {
    await using proxy = await meddlingProxy(lost);
    const unnamed = sdkClient({ apiKey: key, url: proxy.url }).capsules.create({ idempotencyKey: null, name: "unnamed" });
    await assert.rejects(unnamed, (error: Error) => error instanceof ConnectionError && error.outcome === "unknown");
    assert.deepEqual(proxy.requests, ["POST /v1/capsules"]);
  }
  for await (const { id } of direct.capsules.list()) await (await direct.capsules.connect(id)).destroy();
  // What the server refuses for good is asked once.
  await using proxy = await meddlingProxy();
  const client = sdkClient({ apiKey: key, url: proxy.url });
  await assert.rejects(client.capsules.create({ template: "no-such" }), ApiError);
  await assert.rejects(client.capsules.getInfo("cl-none"), NotFoundError);
  assert.equal(proxy.requests.length, 2);
});

behaviour("stream.digest", async () => {
  await using capsule = await sdkCapsule();
  // One character of what a command prints is another one on its way.
  const alter = (bytes: Buffer): Buffer => Buffer.from(bytes.toString("latin1").replace("eHh4eHh4", "eHh5eHh4"), "latin1");
  await using proxy = await meddlingProxy(() => ({ alter }));
  const cut = await through(proxy.url, capsule);
  const read = async (): Promise<string> => {
    let text = "";
    for await (const event of cut.commands.stream("printf '%s' xxxxxxxxxxxxxxxxxxxxxxxx")) if (event.type === "stdout") text += event.data;
    return text;
  };
  await assert.rejects(read(), DigestError);
  const handle = await cut.commands.run("printf '%s' xxxxxxxxxxxxxxxxxxxxxxxx", { background: true });
  await assert.rejects(handle.wait(), DigestError);
});

behaviour("stream.gap", async () => {
  await using capsule = await sdkCapsule();
  const size = 300_000_000;
  const handle = await capsule.commands.exec("head", ["-c", String(size), "/dev/zero"], { background: true });
  await waitUntil(async () => ((await handle.info()).running ? undefined : true), { what: "the command's end", timeoutMs: 90_000 });
  let came = 0;
  let gap = 0;
  const types: string[] = [];
  for await (const event of capsule.commands.connect(handle.id)) {
    if (event.type !== "stdout") types.push(event.type);
    if (event.type === "stdout") came += event.bytes.length;
    if (event.type === "gap") {
      gap += event.stdout_bytes;
      assert.equal(event.stderr_bytes, 0);
    }
    if (event.type === "exit") assert.deepEqual([event.stdout_bytes, event.verified], [size, false]);
  }
  assert.deepEqual(types, ["start", "gap", "exit"]);
  assert.ok(gap > 0 && gap + came === size, `${gap} and ${came} bytes`);
});

behaviour("stream.slow-consumer", async () => {
  await using capsule = await sdkCapsule();
  await using proxy = await meddlingProxy();
  const slow = await through(proxy.url, capsule);
  // More than a journal keeps.
  const size = 340_000_000;
  let count = 0;
  let waited = 0;
  for await (const event of slow.commands.stream("head", ["-c", String(size), "/dev/zero"])) {
    if (event.type === "stdout") {
      count += event.bytes.length;
      // Takes nothing until nothing comes any more for want of room: what came by then is what waits.
      if (waited < 2 && count > waited * 20_000_000) {
        waited += 1;
        await proxy.still();
        const taken = (count * 4) / 3;
        assert.ok(proxy.passed - taken < 32 * 1024 * 1024, `${proxy.passed} bytes came and ${count} were taken`);
      }
    }
    if (event.type === "exit") assert.deepEqual([event.exit_code, event.stdout_bytes, event.verified], [0, size, true]);
  }
  assert.deepEqual([count, waited], [size, 2]);
  assert.equal(proxy.requests.filter((line) => line.endsWith("/stream")).length, 1, "all of it came over one connection");
});

test("Capsule.list needs no client: it iterates over the capsules of the key, page by page, narrowed by status and label", async () => {
  const { key } = await newTeam();
  await using proxy = await meddlingProxy();
  const options = sdkOptions({ url: proxy.url, apiKey: key });
  await using first = await Capsule.create({ ...options, metadata: { of: "one" } });
  await using second = await Capsule.create({ ...options, metadata: { of: "two" } });
  await using third = await Capsule.create({ ...options, metadata: { of: "two" } });
  await second.pause();
  const listed = async (narrowed: Parameters<typeof Capsule.list>[0] = {}): Promise<string[]> => {
    const found: string[] = [];
    for await (const { id } of Capsule.list({ ...options, ...narrowed })) found.push(id);
    return found;
  };
  const before = proxy.requests.length;
  assert.deepEqual(await listed({ pageSize: 2 }), [third.id, second.id, first.id]);
  assert.equal(proxy.requests.length - before, 2, "two pages");
  assert.deepEqual(await listed({ status: "paused" }), [second.id]);
  assert.deepEqual(await listed({ metadata: { of: "two" } }), [third.id, second.id]);
  const abort = new AbortController();
  abort.abort(new Error("enough"));
  await assert.rejects(listed({ signal: abort.signal }), /enough/);
});
