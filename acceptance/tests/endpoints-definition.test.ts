import assert from "node:assert/strict";
import { cpus } from "node:os";
import { after, before, test } from "node:test";
import { call, expectCall, expectError, property } from "../harness/call.ts";
import { capsuleOf, newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { getRun, publish, runSeen, someName } from "../harness/endpoint.ts";
import { limitsOf } from "../harness/host.ts";
import { newTeam } from "../harness/team.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

/** What a refused definition is told, by field. */
async function problemsOf(definition: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
  const name = someName();
  const { details, message } = await expectError("putEndpoint", "invalid_request", { params: { name }, body: definition });
  await expectError("getEndpoint", "not_found", { params: { name } });
  const listed: unknown = property(details, "problems") ?? property(details, "fields");
  if (!Array.isArray(listed)) return [`${String(property(details, "field"))}: ${message}`];
  return listed.map((one) => `${String(property(one, "field") ?? property(one, "path"))}: ${String(property(one, "message"))}`);
}

test("a definition is given back as it was given, with its defaults, and without what is secret", async () => {
  const given = {
    method: "POST",
    description: "Deploys a branch",
    command: "./deploy.sh {{branch}}",
    args: [
      { name: "branch", default: "main", description: "What to deploy", pattern: "[a-z0-9/-]+", max_length: 40 },
      { name: "count", type: "integer", flag: "--count", enum: [1, 2, 3], required: true },
    ],
    timeout: 30,
    working_dir: "/workspace",
    transformer: { type: "lines" },
    notify_url: "https://example.com/done",
    notify_on: "failure",
    sensitive: true,
    template: "minimal",
    vcpus: Math.min(2, cpus().length),
    memory_mb: 128,
    envs: { TOKEN: "s3cr3t-value" },
    max_concurrency: 2,
    on_disconnect: "kill",
  };
  await using deploy = await publish(given);
  const { envs: _envs, method: _method, args: _args, ...plain } = given;
  const got = await expectCall("getEndpoint", 200, { params: { name: deploy.name } });
  for (const [field, value] of Object.entries(plain)) assert.deepEqual(property(got, field), value, field);
  assert.deepEqual(got.method, ["POST"]);
  assert.equal(got.url, deploy.path);
  assert.deepEqual(got.env_names, ["TOKEN"]);
  assert.equal(got.has_secret, false);
  assert.equal(got.args[0]?.pattern, "[a-z0-9/-]+");
  assert.deepEqual(got.args[1], { name: "count", required: true, type: "integer", flag: "--count", enum: [1, 2, 3] });
  const { shell, public: isPublic, trigger, async: isAsync, webhook_source, timezone, overlap, stdin } = got;
  assert.deepEqual(
    { shell, isPublic, trigger, isAsync, webhook_source, timezone, overlap, stdin },
    {
      shell: false,
      isPublic: false,
      trigger: "http",
      isAsync: false,
      webhook_source: "generic",
      timezone: "UTC",
      overlap: false,
      stdin: "none",
    },
  );
  assert.ok(!JSON.stringify(got).includes("s3cr3t-value"), "no secret is given back");
  await using hook = await publish({
    command: "cat",
    trigger: "webhook",
    secret: ["a-secret-of-ours", "$KEY"],
    envs: { KEY: "another-one" },
  });
  assert.equal(hook.published.has_secret, true);
  assert.equal(hook.published.async, true, "a webhook is asynchronous by default");
  assert.ok(!JSON.stringify(hook.published).includes("a-secret-of-ours"));
});

test("PUT replaces the whole definition, is no change when it says the same, and the next call runs the new command", async () => {
  await using one = await publish({ command: "echo before", description: "first", capsule: capsule.id, envs: { A: "1" } });
  assert.equal((await one.json()).output, "before\n");
  const same = await one.put({ command: "echo before", description: "first", capsule: capsule.id, envs: { A: "1" } });
  assert.equal(same.version, one.published.version);
  assert.equal(same.updated_at, one.published.updated_at);
  const changed = await one.put({ command: "echo after", capsule: capsule.id });
  assert.equal(changed.version, one.published.version + 1);
  assert.equal(changed.description, undefined, "what is left out has its default");
  assert.deepEqual(changed.env_names, [], "variables are a part of the definition");
  assert.equal(changed.id, one.published.id);
  assert.equal((await one.json()).output, "after\n");
});

test("what GET tells can be sent back as it is, with what is secret kept, and changed where it is to change", async () => {
  const given = {
    command: "sh -c 'printf %s \"$TOKEN\"'",
    trigger: "webhook",
    public: true,
    async: false,
    secret: "between-us-two",
    envs: { TOKEN: "s3cr3t-value" },
    args: [{ name: "x", enum: ["a", "b"] }],
    transformer: { type: "regex", pattern: "(?<all>.*)" },
    capsule: capsule.id,
  };
  await using one = await publish(given);
  const got = await expectCall("getEndpoint", 200, { params: { name: one.name } });
  const same = await one.put(got);
  assert.deepEqual([same.version, same.warnings], [1, []]);
  const changed = await one.put({ ...same, description: "now with words" });
  assert.deepEqual([changed.version, changed.has_secret, changed.env_names, changed.warnings], [2, true, ["TOKEN"], []]);
  await using plain = await publish({ command: "printenv TOKEN", envs: { TOKEN: "s3cr3t-value" }, capsule: capsule.id });
  const told = await expectCall("getEndpoint", 200, { params: { name: plain.name } });
  await plain.put({ ...told, description: "x" });
  assert.equal((await plain.json()).output, "s3cr3t-value\n");
});

test("a public webhook without a secret is refused unless it says so, and one that loses its secret is told", async () => {
  const hook = { command: "cat", trigger: "webhook", public: true, capsule: capsule.id };
  assert.match((await problemsOf(hook)).join("\n"), /^secret: is required for a public webhook/);
  await using open = await publish({ ...hook, unsigned: true, async: false });
  assert.match(JSON.stringify(property(open.published, "warnings")), /anyone who knows the URL can run it/);
  assert.equal((await open.json({ key: null, body: "hello" })).output, "hello");
  await using signed = await publish({ ...hook, secret: "between-us-two" });
  await expectError("putEndpoint", "invalid_request", { params: { name: signed.name }, body: hook });
  assert.match(JSON.stringify((await signed.put({ ...hook, unsigned: true })).warnings), /secret.*is gone: it was not sent again/);
});

test("a capsule that is not there is taken with a warning", async () => {
  const gone = await newCapsule();
  await gone[Symbol.asyncDispose]();
  await using one = await publish({ command: "true", capsule: gone.id });
  assert.match(JSON.stringify(property(one.published, "warnings")), /"capsule","message":"does not exist.*capsule_gone/);
});

test("a name is 1 to 63 of a-z, 0-9 and -, not with - first", async () => {
  for (const name of ["Deploy", "-deploy", "de_ploy", "d".repeat(64), "déploy", "de.ploy"])
    await expectError("putEndpoint", "invalid_request", { params: { name }, body: { command: "true" } });
  for (const name of ["d", "0", `${"d".repeat(62)}-`]) {
    await using one = await publish({ command: "true" }, { name });
    assert.equal(one.name, name);
  }
});

test("all problems of a definition are told together, each by its field", async () => {
  const problems = await problemsOf({
    command: "echo {{nmae}} | sort",
    args: [
      { name: "name", type: "integer", default: "five" },
      { name: "x", pattern: "(" },
    ],
    timeout: 100_000,
    schedule: "61 * * * *",
  });
  const all = problems.join("\n");
  for (const part of ["command", "args.0.default", "args.1.pattern", "timeout", "schedule"])
    assert.ok(all.includes(part), `${part}:\n${all}`);
});

test("what would mean something to a shell is refused without shell: true, and says so", async () => {
  for (const command of [
    "echo a | sort",
    "a & b",
    "a; b",
    "a < b",
    "a > b",
    "(a)",
    "echo $HOME",
    "echo `id`",
    "ls *",
    "ls a?",
    'echo "$HOME"',
    "a && b",
  ]) {
    const problems = await problemsOf({ command });
    assert.match(problems.join("\n"), /command.*needs shell: true/, command);
  }
  for (const [command, output] of [
    [`echo 'a | b' "c ; d" e\\&f`, "a | b c ; d e&f\n"],
    [`printf %s "it's $ 5"`, "it's $ 5"],
    [`echo '{{x}}'`, "{{x}}\n"],
  ] as const) {
    await using one = await publish({ command, capsule: capsule.id });
    assert.equal((await one.json()).output, output, command);
  }
});

test("what cannot be meant is refused: quotes left open, unknown fields and places, two homes, no capsule, no template, a bad pattern", async () => {
  for (const [field, definition] of [
    ["command", { command: "echo 'open" }],
    ["command", { command: "echo {{who}}" }],
    ["command", { command: "" }],
    ["comand", { command: "true", comand: "x" }],
    ["capsule", { command: "true", template: "minimal", capsule: capsule.id }],
    ["vcpus", { command: "true", capsule: capsule.id, vcpus: 1 }],
    ["capsule", { command: "true", capsule: "no-id" }],
    ["template", { command: "true", template: "no-such-template" }],
    ["transformer", { command: "true", transformer: { type: "regex", pattern: "(" } }],
    ["transformer", { command: "true", transformer: { type: "jsonata", expression: "$sum(" } }],
    ["transformer", { command: "true", transformer: { type: "xml" } }],
    ["secret", { command: "true", secret: "long-enough" }],
    ["secret", { command: "true", trigger: "webhook", secret: "$MISSING" }],
    ["timezone", { command: "true", schedule: "0 3 * * *", timezone: "Mars/Base" }],
    ["required", { command: "true", schedule: "0 3 * * *", args: [{ name: "x", required: true }] }],
    ["notify_url", { command: "true", notify_url: "ftp://example.com" }],
    ["method", { command: "cat", stdin: "body", method: "GET" }],
    ["args", { command: "true", args: [{ name: "x" }, { name: "x" }] }],
  ] as const)
    assert.ok(
      (await problemsOf(definition)).join("\n").includes(field),
      `${JSON.stringify(definition)}: ${(await problemsOf(definition)).join("\n")}`,
    );
});

test("a timeout above the server's bound is refused, not shortened", async () => {
  assert.match((await problemsOf({ command: "true", timeout: 121 })).join("\n"), /timeout.*120/);
  await using one = await publish({ command: "true", timeout: 120 });
  assert.equal(one.published.timeout, 120);
  await using plain = await publish({ command: "true" });
  assert.equal(plain.published.timeout, 60);
});

test("an endpoint takes GET and POST by default, those of its list otherwise, and answers another with 405 and Allow", async () => {
  await using both = await publish({ command: "echo hi", capsule: capsule.id });
  await using one = await publish({ command: "echo hi", capsule: capsule.id, method: "PUT" });
  await using list = await publish({ command: "echo hi", capsule: capsule.id, method: ["PATCH", "DELETE"] });
  for (const [endpoint, allowed] of [
    [both, ["GET", "POST"]],
    [one, ["PUT"]],
    [list, ["PATCH", "DELETE"]],
  ] as const) {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
      const response = await endpoint.call({ method, headers: { accept: "application/json" } });
      await response.text();
      const isAllowed = allowed.some((name) => name === method);
      assert.equal(response.status, isAllowed ? 200 : 405, method);
      if (!isAllowed) {
        const told = (response.headers.get("allow") ?? "").split(", ");
        for (const name of allowed) assert.ok(told.includes(name), `${method}: Allow: ${told.join(", ")}`);
        for (const name of ["GET", "POST", "PUT", "PATCH", "DELETE"])
          if (!allowed.some((other) => other === name)) assert.ok(!told.includes(name), name);
      }
    }
  }
});

test("by default each run has a fresh capsule from the template, of the size that is given, destroyed after it", async () => {
  await using one = await publish({
    command: "sh -c 'pwd; echo \"$GREETING\"; test -e /root/mark && echo seen; echo x > /root/mark; read line'",
    stdin: "body",
    working_dir: "/tmp",
    envs: { GREETING: "hello there" },
    vcpus: 1,
    memory_mb: 96,
  });
  const ids: string[] = [];
  for (let nth = 0; nth < 2; nth++) {
    const result = await one.json({ body: "\n" });
    assert.equal(result.output, "/tmp\nhello there\n");
    const { capsule_id: id } = await getRun(result.run_id);
    assert.ok(id !== null);
    ids.push(id);
  }
  assert.notEqual(ids[0], ids[1]);
  // Another than the default, where the host has as many.
  const vcpus = Math.min(2, cpus().length);
  await using slow = await publish({ command: "sleep 1000", memory_mb: 96, vcpus, async: true });
  const id = await slow.accepted();
  const { capsule_id: own } = await runSeen(id, ({ started_at: at }) => at !== null, "start");
  const seen = await expectCall("getCapsule", 200, { params: { id: own ?? "" } });
  assert.equal(seen.template, "minimal");
  assert.equal(seen.memory_mb, 96);
  assert.equal(seen.vcpus, vcpus);
  assert.deepEqual(limitsOf(own ?? ""), { vcpus, memoryMb: 96 }, "the limits that the kernel was given");
  assert.equal((await expectCall("cancelRun", 200, { params: { id } })).endpoint, slow.name);
  for (const gone of [...ids, own ?? ""]) {
    let status = 200;
    for (let tries = 0; tries < 200 && status === 200; tries++) {
      const answer = await call("getCapsule", { params: { id: gone } });
      status = answer.status === 404 || property(answer.body, "status") === "stopped" ? 404 : 200;
      if (status === 200) await new Promise((done) => setTimeout(done, 50));
    }
    assert.equal(status, 404, `${gone} is gone`);
  }
});

test("with capsule: the run is inside one that exists and keeps its files; a paused one is resumed; one that is gone is 409 capsule_gone", async () => {
  const own = await newCapsule();
  await own.sh("echo kept > /root/file");
  await using one = await publish({ command: "cat /root/file", capsule: own.id });
  assert.equal((await one.json()).output, "kept\n");
  await own.pause();
  assert.equal((await one.json()).output, "kept\n");
  assert.equal((await own.get()).status, "running");
  await capsuleOf(own.created)[Symbol.asyncDispose]();
  assert.equal((await one.refused(409)).code, "capsule_gone");
});

test("another team's capsule cannot be given to an endpoint to run in", async () => {
  const stranger = await newTeam();
  const name = someName();
  const put = await call("putEndpoint", { key: stranger.key, params: { name }, body: { command: "id", capsule: capsule.id } });
  if (put.status === 201) {
    const response = await fetch((await import("../harness/state.ts")).readState().url + String(property(put.body, "url")), {
      headers: { "x-api-key": stranger.key, accept: "application/json" },
    });
    assert.equal(response.status, 409, await response.text());
    await expectCall("deleteEndpoint", 204, { key: stranger.key, params: { name } });
  } else assert.equal(put.status, 400);
});

test("stdin: body gives the request's bytes to the command; without it there is none to wait for", async () => {
  await using body = await publish({
    command: "sha256sum {{file}}",
    stdin: "body",
    args: [{ name: "file", default: "-" }],
    capsule: capsule.id,
  });
  const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7) % 256);
  const { createHash } = await import("node:crypto");
  const sum = createHash("sha256").update(bytes).digest("hex");
  assert.equal((await body.json({ body: bytes, headers: { "content-type": "application/octet-stream" } })).output, `${sum}  -\n`);
  assert.equal(
    (await body.json({ body: bytes, query: { file: "/dev/stdin" } })).output,
    `${sum}  /dev/stdin\n`,
    "arguments come from the query",
  );
  await using none = await publish({ command: "cat", capsule: capsule.id });
  assert.equal((await none.json()).output, "");
});

test("endpoints are listed by name and page by page, and gone once they are deleted, whose repeat is no error", async () => {
  const team = await newTeam();
  const names = ["a-one", "b-two", "c-three"];
  for (const name of names.toReversed())
    await expectCall("putEndpoint", 201, { key: team.key, params: { name }, body: { command: "true" } });
  const first = await expectCall("listEndpoints", 200, { key: team.key, query: { limit: "2" } });
  assert.deepEqual(
    first.items.map(({ name }) => name),
    names.slice(0, 2),
  );
  const rest = await expectCall("listEndpoints", 200, { key: team.key, query: { limit: "2", cursor: first.next_cursor ?? "" } });
  assert.deepEqual(
    rest.items.map(({ name }) => name),
    names.slice(2),
  );
  assert.equal(rest.next_cursor, null);
  for (const name of names) {
    await expectCall("deleteEndpoint", 204, { key: team.key, params: { name } });
    await expectCall("deleteEndpoint", 204, { key: team.key, params: { name } });
    await expectError("getEndpoint", "not_found", { key: team.key, params: { name } });
  }
});
