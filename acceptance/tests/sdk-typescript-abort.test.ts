import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { Client, RequestTimeoutError } from "capsuled";
import type { Capsule, CallOptions } from "capsuled";
import { behaviour } from "../../sdk/testing/behaviour.ts";
import { meddlingProxy } from "../harness/meddling-proxy.ts";
import type { MeddlingProxy } from "../harness/meddling-proxy.ts";
import { sdkCapsule, sdkClient, sdkOptions } from "../harness/sdk.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

type Ask = (client: Client, capsule: Capsule, options: CallOptions) => Promise<unknown>;

/** What takes a signal and waits for the server. Where there is no time limit of its own, the client's holds. */
const WAITS: Readonly<Record<string, Ask>> = {
  "capsules.create": (client, _, options) => client.capsules.create(options),
  "capsules.list": (client, _, options) => client.capsules.list(options).next(),
  "capsule.getInfo": (_, capsule, options) => capsule.getInfo(options),
  "capsule.pause": (_, capsule, options) => capsule.pause(options),
  "capsule.snapshot": (_, capsule, options) => capsule.snapshot(options),
  "capsule.fork": (_, capsule, options) => capsule.fork(options),
  "commands.run": (_, { commands }, options) => commands.run("true", options),
  "commands.run in the background": (_, { commands }, options) => commands.run("true", { ...options, background: true }),
  "commands.stream": (_, { commands }, { signal }) => commands.stream("true", { signal }).next(),
  "commands.connect": (_, { commands }, { signal }) => commands.connect("server", { signal }).next(),
  "commands.output": (_, { commands }, options) => commands.output("server", options),
  "files.read": (_, { files }, options) => files.read("/etc/passwd", options),
  "files.readStream": (_, { files }, options) => files.readStream("/etc/passwd", options),
  "files.write": (_, { files }, options) => files.write("/tmp/a", "x", options),
  "files.write of a stream": (_, { files }, options) => files.write("/tmp/a", new Blob(["x"]).stream(), options),
  "files.list": (_, { files }, options) => files.list("/", options).next(),
  "files.watch": (_, { files }, { signal }) => files.watch("/tmp", { signal }).next(),
  "files.readArchive": (_, { files }, options) => files.readArchive("/tmp", options),
  "pty.open": (_, { pty }, { signal }) => pty.open({ signal }),
  "pty.connect": (_, { pty }, { signal }) => pty.connect("mine", { signal }),
  "ports.list": (_, { ports }, options) => ports.list(options),
  "endpoints.define": (client, _, options) => client.endpoints.define("deploy", { command: "true" }, options),
  "endpoints.call": (client, _, options) => client.endpoints.call("first/deploy", {}, options),
  "endpoints.stream": (client, _, { signal }) => client.endpoints.stream("first/deploy", {}, { signal }).next(),
  "runs.stream": (client, _, { signal }) => client.runs.stream("run-a", { signal }).next(),
  "events.follow": (client, _, { signal }) => client.events.follow({ signal }).next(),
  "templates.build": (client, _, options) => client.templates.build({ name: "mine" }, options),
  "templates.buildLog": (client, _, { signal }) => client.templates.buildLog("bd-a", { signal }).next(),
  "images.upload": (client, _, options) => client.images.upload(new Uint8Array(1024), options),
};

/** A client whose server takes everything and answers nothing, and a capsule of it. */
async function unanswered(proxy: MeddlingProxy, capsule: Capsule): Promise<{ readonly client: Client; readonly capsule: Capsule }> {
  const { url } = readState();
  let isConnected = false;
  const client = new Client({
    ...sdkOptions({ url: proxy.url, requestTimeoutMs: 400, retryForMs: 0 }),
    fetch: (input, init) => fetch(isConnected || typeof input !== "string" ? input : input.replace(proxy.url, url), init),
  });
  const connected = await client.capsules.connect(capsule.id);
  isConnected = true;
  return { client, capsule: connected };
}

test("a caller's signal ends every wait with the caller's reason, and leaves no listener", async () => {
  await using made = await sdkCapsule();
  await using proxy = await meddlingProxy(() => ({ silentAfter: 0 }));
  const { client, capsule } = await unanswered(proxy, made);
  for (const [name, ask] of Object.entries(WAITS)) {
    const abort = new AbortController();
    const before = proxy.requests.length;
    const waiting = ask(client, capsule, { signal: abort.signal, requestTimeoutMs: 60_000 });
    waiting.catch(() => {});
    await waitUntil(() => (proxy.requests.length > before ? true : undefined), { what: `the request of ${name}` });
    const reason = new Error(`enough of ${name}`);
    abort.abort(reason);
    await assert.rejects(waiting, (error) => error === reason, name);
    await waitUntil(() => (getEventListeners(abort.signal, "abort").length === 0 ? true : undefined), {
      what: `${name} to stop listening`,
    });
    await assert.rejects(ask(client, capsule, { signal: abort.signal }), (error) => error === reason, `${name}, aborted before`);
  }
});

test("a server that answers nothing ends every wait with a timeout error, and leaves no listener", async () => {
  await using made = await sdkCapsule();
  await using proxy = await meddlingProxy(() => ({ silentAfter: 0 }));
  const { client, capsule } = await unanswered(proxy, made);
  await Promise.all(
    Object.entries(WAITS).map(async ([name, ask]) => {
      const abort = new AbortController();
      await assert.rejects(
        ask(client, capsule, { signal: abort.signal, requestTimeoutMs: 400 }),
        (error: Error) => error instanceof RequestTimeoutError && /within 400 ms/.test(error.message),
        name,
      );
      assert.equal(getEventListeners(abort.signal, "abort").length, 0, name);
    }),
  );
});

test("a signal ends what is iterated over in its middle: a file, a terminal, a call, a build's log, and leaves no listener", async () => {
  const { key } = await newTeam();
  const client = sdkClient({ apiKey: key });
  await using capsule = await client.capsules.create();
  await capsule.commands.run("head -c 200000000 /dev/zero > /tmp/big");
  await client.endpoints.define("endless", { command: "echo up; exec sleep 600", shell: true });
  const build = await client.templates.build({ name: "endless", memory_mb: 96, steps: [{ run: "echo up; exec sleep 600" }] });
  const middles: Readonly<Record<string, (signal: AbortSignal) => Promise<() => Promise<unknown>>>> = {
    file: async (signal) => {
      const reader = (await capsule.files.readStream("/tmp/big", { signal })).getReader();
      await reader.read();
      return async () => {
        while (!(await reader.read()).done);
      };
    },
    terminal: async (signal) => {
      const terminal = await capsule.pty.open({ signal });
      await terminal.next();
      return async () => {
        for (;;) if ((await terminal.next()).done === true) return;
      };
    },
    call: async (signal) => {
      const events = client.endpoints.stream("endless", {}, { signal });
      assert.equal((await events.next()).value?.type, "output");
      return () => events.next();
    },
    build: async (signal) => {
      const log = client.templates.buildLog(build.id, { signal });
      for await (const entry of log) if (entry.type === "output") break;
      const again = client.templates.buildLog(build.id, { signal });
      await again.next();
      return async () => {
        for (;;) if ((await again.next()).done === true) return;
      };
    },
  };
  for (const [name, begin] of Object.entries(middles)) {
    const abort = new AbortController();
    const go = await begin(abort.signal);
    const reason = new Error(`enough of the ${name}`);
    const going = go();
    going.catch(() => {});
    abort.abort(reason);
    await assert.rejects(going, (error) => error === reason, name);
    await waitUntil(() => (getEventListeners(abort.signal, "abort").length === 0 ? true : undefined), {
      what: `the ${name} to stop listening`,
    });
  }
  await client.templates.cancelBuild(build.id);
  // A call that is left goes on.
  for await (const { id } of client.runs.list({ endpoint: "endless" })) await client.runs.cancel(id);
});

behaviour("capsule.create-aborted", async () => {
  const { key } = await newTeam();
  const direct = sdkClient({ apiKey: key });
  const ids = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { id } of direct.capsules.list()) found.push(id);
    return found;
  };
  // The first answer is held back, and what is sent after it goes through.
  const held = (): Promise<MeddlingProxy> => meddlingProxy((connection) => (connection === 1 ? { silentAfter: 1 } : {}));
  const reason = new Error("enough");
  {
    await using proxy = await held();
    const client = sdkClient({ apiKey: key, url: proxy.url });
    const abort = new AbortController();
    const creating = client.capsules.create({ name: "half", signal: abort.signal });
    creating.catch(() => {});
    await waitUntil(async () => ((await ids()).length === 1 ? true : undefined), { what: "the capsule nobody hears of" });
    abort.abort(reason);
    await assert.rejects(creating, (error) => error === reason);
    await client.settled();
    assert.deepEqual(await ids(), []);
  }
  await using capsule = await direct.capsules.create();
  {
    await using proxy = await held();
    const info = await direct.capsules.getInfo(capsule.id);
    const through = sdkClient({
      apiKey: key,
      url: proxy.url,
      // Its facts come by another way, so that the fork is the first on this one.
      fetch: (input, init) =>
        (input instanceof Request ? input.url : String(input)).endsWith(`/v1/capsules/${info.id}`) && init?.method === "GET"
          ? Promise.resolve(factsAnswer(info))
          : fetch(input, init),
    });
    const forkable = await through.capsules.connect(info.id);
    const abort = new AbortController();
    const forking = forkable.fork({ count: 2, signal: abort.signal });
    forking.catch(() => {});
    await waitUntil(async () => ((await ids()).length === 3 ? true : undefined), { what: "the forks nobody hears of" });
    abort.abort(reason);
    await assert.rejects(forking, (error) => error === reason);
    await through.settled();
    assert.deepEqual(await ids(), [capsule.id]);
  }
  {
    // A key of the caller's own leaves it to the caller, who can find it.
    await using proxy = await held();
    const client = sdkClient({ apiKey: key, url: proxy.url });
    const abort = new AbortController();
    const creating = client.capsules.create({ idempotencyKey: "mine", signal: abort.signal });
    creating.catch(() => {});
    await waitUntil(async () => ((await ids()).length === 2 ? true : undefined), { what: "the capsule of the caller's key" });
    abort.abort(reason);
    await assert.rejects(creating, (error) => error === reason);
    await client.settled();
    const found = await client.capsules.create({ idempotencyKey: "mine" });
    assert.equal((await ids()).length, 2);
    await found.destroy();
  }
});

function factsAnswer(facts: unknown): Response {
  return new Response(JSON.stringify(facts), { headers: { "content-type": "application/json", "x-request-id": "req-proxy" } });
}
