import assert from "node:assert/strict";
import { test } from "node:test";
import { Capsule, Client, SettingsError } from "../src/index.ts";
import { fakeServer, RUNNING } from "../testing/fake-server.ts";

/** As JavaScript gives it: of no type that says what is in it. */
const slip = (options: object): object => options;

test("an option that nobody knows is refused before anything is sent, with the name that was meant", async () => {
  await using server = await fakeServer({ answer: () => ({ body: RUNNING }) });
  const settings = { url: server.url, apiKey: "wrn_test" };
  const client = new Client(settings);
  const capsule = await client.capsules.connect("cl-a");
  const asked = server.asked.length;
  const slips: readonly (readonly [string, () => unknown])[] = [
    ["apiKey", () => new Client(slip({ ...settings, api_key: "wrn_other" }))],
    ["retryForMs", () => new Client(slip({ ...settings, retryFor: 1 }))],
    ["template", () => Capsule.create(slip({ ...settings, templat: "minimal" }))],
    ["memory_mb", () => Capsule.create(slip({ ...settings, memoryMb: 64 }))],
    ["timeout_sec", () => Capsule.create(slip({ ...settings, timeout: 60 }))],
    ["requestTimeoutMs", () => Capsule.connect("cl-a", slip({ ...settings, requestTimeout: 60 }))],
    ["signal", () => Capsule.getInfo("cl-a", slip({ ...settings, sigal: 1 }))],
    ["pageSize", () => Capsule.list(slip({ ...settings, pagesize: 1 }))],
    ["envs", () => client.capsules.create(slip({ env: {} }))],
    ["waitMs", () => client.capsules.create(slip({ wait_ms: 1 }))],
    ["status", () => client.capsules.list(slip({ statu: "running" }))],
    ["range", () => client.capsules.stats(slip({ rnage: "5m" }))],
    ["background", () => capsule.commands.run("true", slip({ backgroud: true }))],
    ["timeout", () => capsule.commands.exec("true", [], slip({ timeuot: 1 }))],
    ["busy", () => capsule.commands.run("true", Object.assign({ background: true as const }, slip({ bussy: true })))],
    ["onLeave", () => capsule.commands.stream("true", slip({ onleave: "continue" }))],
    ["from", () => capsule.commands.connect("job", slip({ form: "now" }))],
    ["limit", () => capsule.commands.output("job", slip({ limits: 1 }))],
    ["count", () => capsule.fork(slip({ cout: 2 }))],
    ["overwrite", () => capsule.snapshot(slip({ overwite: true }))],
    ["idempotencyKey", () => capsule.pause(slip({ idempotency_key: "k" }))],
    ["exclusive", () => capsule.files.write("/a", "b", slip({ exclusiv: true }))],
    ["recursive", () => capsule.files.watch("/a", slip({ recursiv: true })).next()],
    ["cols", () => capsule.pty.open(slip({ col: 80 }))],
    ["onConnection", () => capsule.pty.connect("mine", slip({ onconnection: () => {} }))],
    ["ttlSec", () => capsule.ports.url(80, slip({ ttl: 1 }))],
    ["dryRun", () => client.endpoints.apply("", slip({ dryrun: true }))],
    ["stdin", () => client.endpoints.call("a/b", {}, slip({ stdi: "x" }))],
    ["capsule", () => client.events.follow(slip({ capsul: "cl-a" })).next()],
  ];
  for (const [meant, ask] of slips) {
    await assert.rejects(
      async () => ask(),
      (error: unknown) => {
        assert.ok(error instanceof SettingsError, `${meant}: ${String(error)}`);
        assert.match(error.message, new RegExp(`^There is no option \`\\w+\` here\\. Did you mean \`${meant}\`\\?$`));
        return true;
      },
    );
  }
  assert.equal(server.asked.length, asked, "nothing was sent");
});

test("the refusal names what was meant, or all there is where nothing is near", async () => {
  await using server = await fakeServer({ answer: () => ({ body: RUNNING }) });
  const settings = { url: server.url, apiKey: "wrn_test" };
  const said = async (options: object): Promise<string> =>
    Capsule.create(Object.assign({}, settings, options)).then(
      () => "",
      (error: Error) => error.message,
    );
  for (const [given, meant] of Object.entries({
    templat: "template",
    memoryMb: "memory_mb",
    timeout: "timeout_sec",
    env: "envs",
    api_key: "apiKey",
    wait: "waitMs",
    vcpu: "vcpus",
    on_conflict: "onConflict",
  })) {
    assert.equal(await said({ [given]: 1 }), `There is no option \`${given}\` here. Did you mean \`${meant}\`?`);
  }
  assert.match(await said({ zebra: 1 }), /^There is no option `zebra` here\. The options here are url, apiKey, .*template/);
  assert.equal(await said({ zebra: undefined }), "", "what is undefined is not given");
});
