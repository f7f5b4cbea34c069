import assert from "node:assert/strict";
import { ApiError, CommandTimeoutError, InvalidRequestError, NotFoundError } from "capsuled";
import type { schemas } from "capsuled";
import { behaviour } from "../../sdk/testing/behaviour.ts";
import { sdkClient } from "../harness/sdk.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

async function teamClient(): Promise<{ readonly client: ReturnType<typeof sdkClient>; readonly slug: string }> {
  const { key, slug } = await newTeam();
  return { client: sdkClient({ apiKey: key }), slug };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

behaviour("endpoint.define", async () => {
  const { client, slug } = await teamClient();
  const made = await client.endpoints.define("hello", { command: "echo hello" });
  assert.deepEqual([made.name, made.url], ["hello", `/v1/${slug}/hello`]);
  await client.endpoints.define("hello", { command: "echo hello there", schedule: "0 5 * * *" });
  assert.equal((await client.endpoints.get("hello")).command, "echo hello there");
  assert.equal((await client.endpoints.pauseSchedule("hello")).schedule_paused, true);
  assert.equal((await client.endpoints.resumeSchedule("hello")).schedule_paused, false);
  assert.deepEqual(
    (await all(client.endpoints.list())).map(({ name }) => name),
    ["hello"],
  );
  await client.endpoints.delete("hello");
  await assert.rejects(client.endpoints.get("hello"), NotFoundError);
});

behaviour("endpoint.apply", async () => {
  const { client } = await teamClient();
  const yaml = "version: 1\nendpoints:\n  - name: one\n    command: echo one\n  - name: two\n    command: echo two\n";
  const dry = await client.endpoints.apply(yaml, { dryRun: true });
  assert.deepEqual([dry.applied, dry.changes.map(({ name, change }) => `${change} ${name}`)], [false, ["create one", "create two"]]);
  assert.deepEqual(await all(client.endpoints.list()), []);
  assert.equal((await client.endpoints.apply(yaml)).applied, true);
  await assert.rejects(client.endpoints.apply("version: 1\nendpoints:\n  - nam: x\n"), InvalidRequestError);
  const pruned = await client.endpoints.apply("version: 1\nendpoints:\n  - name: one\n    command: echo one\n", { prune: true });
  assert.deepEqual(pruned.changes.map(({ name, change }) => `${change} ${name}`).sort(), ["delete two", "unchanged one"]);
});

behaviour("endpoint.call", async () => {
  const { client, slug } = await teamClient();
  await client.endpoints.define("greet", { command: "echo hello {{name}}", args: [{ name: "name", required: true }] });
  const result = await client.endpoints.call("greet", { name: "world" });
  assert.deepEqual([result.output, result.exit_code, result.reason], ["hello world\n", 0, "exited"]);
  assert.equal((await client.endpoints.call(`${slug}/greet`, { name: "again" })).output, "hello again\n");
  await client.endpoints.define("data", { command: `echo '{"a":1}'`, transformer: { type: "json" }, method: "GET" });
  assert.deepEqual((await client.endpoints.call("data")).data, { a: 1 });
  await client.endpoints.define("later", { command: "echo later", async: true });
  const { run_id: id } = (await client.endpoints.start("later")) as schemas.CallAccepted;
  const run = await waitUntil(
    async () => {
      const found = await client.runs.get(id);
      return found.status === "succeeded" ? found : undefined;
    },
    { what: "the run" },
  );
  assert.equal(run.output, "later\n");
});

behaviour("endpoint.stream", async () => {
  const { client } = await teamClient();
  await client.endpoints.define("lines", { command: "echo one; echo two >&2; exit 3", shell: true });
  const events = await all(client.endpoints.stream("lines"));
  const lines = events.flatMap((event) => (event.type === "output" ? [`${event.stream} ${event.data}`] : []));
  assert.deepEqual(lines.sort(), ["stderr two", "stdout one"]);
  const last = events.at(-1);
  assert.ok(last?.type === "done" && last.exit_code === 3);
});

behaviour("endpoint.error", async () => {
  const { client } = await teamClient();
  await assert.rejects(client.endpoints.call("missing"), NotFoundError);
  await client.endpoints.define("slow", { command: "sleep 600", timeout: 1 });
  await assert.rejects(client.endpoints.call("slow"), CommandTimeoutError);
  const events = await all(client.endpoints.stream("slow"));
  assert.ok(events.at(-1)?.type === "error");
  await client.endpoints.define("strict", { command: "echo {{n}}", args: [{ name: "n", required: true, type: "integer" }] });
  await assert.rejects(client.endpoints.call("strict", { n: "many" }), (error: Error) => error instanceof ApiError && error.status === 400);
});

behaviour("run.read", async () => {
  const { client } = await teamClient();
  await client.endpoints.define("count", { command: "seq 1 3", shell: true });
  const { run_id: id } = await client.endpoints.call("count");
  assert.deepEqual(
    (await all(client.runs.list({ endpoint: "count" }))).map((run) => run.id),
    [id],
  );
  assert.equal((await client.runs.get(id)).output, "1\n2\n3\n");
  assert.deepEqual(
    (await all(client.runs.stream(id))).map((event) => (event.type === "output" ? event.data : event.type)),
    ["1", "2", "3", "done"],
  );
  const range = await client.runs.output(id, { from: 2, limit: 2 });
  assert.deepEqual([range.text, range.total, range.ended], ["2\n", 6, true]);
});

behaviour("run.cancel", async () => {
  const { client } = await teamClient();
  await client.endpoints.define("long", { command: "sleep 600", async: true, timeout: 100 });
  const { run_id: id } = (await client.endpoints.start("long")) as schemas.CallAccepted;
  await client.runs.cancel(id);
  const run = await waitUntil(
    async () => {
      const found = await client.runs.get(id);
      return found.status === "cancelled" ? found : undefined;
    },
    { what: "the run's end" },
  );
  assert.equal(run.reason, "cancelled");
});
