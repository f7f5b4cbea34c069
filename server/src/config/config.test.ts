import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { renderConfigDocs, renderHelp } from "./describe.ts";
import type { Loaded } from "./load.ts";
import { loadConfig } from "./load.ts";
import type { Config } from "./schema.ts";
import { SETTINGS } from "./schema.ts";
import { flagOf, variableOf } from "./setting.ts";

function load(env: Record<string, string> = {}, argv: readonly string[] = [], isRoot = true): Loaded {
  return loadConfig({ env, argv, isRoot });
}

function configOf(loaded: Loaded): Config {
  assert.equal(loaded.kind, "config", JSON.stringify(loaded));
  if (loaded.kind !== "config") throw new Error("unreachable");
  return loaded.config;
}

function problemsOf(loaded: Loaded): readonly string[] {
  assert.equal(loaded.kind, "invalid", JSON.stringify(loaded));
  return loaded.kind === "invalid" ? loaded.problems : [];
}

test("without any setting the documented defaults hold", () => {
  assert.deepEqual(configOf(load()), {
    host: "127.0.0.1",
    port: 8080,
    dataDir: "/var/lib/capsuled",
    databaseUrl: null,
    driver: "oci",
    runtime: "auto",
    capsulesMax: 1000,
    teamCapsulesMax: 0,
    teamTemplatesMax: 100,
    teamTemplatesMb: 51_200,
    templateCacheMb: 10_240,
    memoryFloorMb: 512,
    diskFloorMb: 1024,
    pidsMax: 512,
    outputBytesMax: 16 * 1024 * 1024,
    storeMb: 0,
    templates: ["minimal", "base-python"],
    templateMirror: null,
    network: "auto",
    networkSubnet: null,
    networkMtu: 0,
    networkDns: [],
    networkIpv6: "auto",
    corsOrigins: [],
    portDomains: ["localhost"],
    endpointTimeoutMax: 120,
    teamEndpointsMax: 1000,
    callRate: 0,
    publicCallRate: 600,
    runDays: 30,
    teamRunsMax: 10_000,
    teamRunsMb: 10_240,
    notifyPrivate: false,
    imagePrivate: false,
    metricsPublic: false,
    logLevel: "info",
    logFile: null,
    logFileMb: 32,
    shutdownMs: 4000,
  });
});

test("a flag goes before a variable, in each of its forms; an empty variable counts as left out", () => {
  const env = { CAPSULED_PORT: "1000", CAPSULED_HOST: "", CAPSULED_METRICS_PUBLIC: "false" };
  const config = configOf(load(env, ["--port", "0", "--data-dir=/a=b", "--metrics-public"]));
  assert.deepEqual([config.port, config.host, config.dataDir, config.metricsPublic], [0, "127.0.0.1", "/a=b", true]);
  assert.equal(configOf(load({}, ["--metrics-public=false"])).metricsPublic, false);
});

test("all problems are told at once, each with its setting and what is right", () => {
  const problems = problemsOf(
    load({ CAPSULED_PORT: "70000", CAPSULED_DRIVER: "docker", CAPSULED_CORS_ORIGINS: "https://a.example,https://b.example/path" }, [
      "stop",
      "--prot",
      "1",
      "--pids-max",
      "x",
      "--host",
    ]),
  );
  assert.deepEqual(problems, [
    "argument 1: flags begin with --",
    "--prot: there is no such flag; did you mean --port?",
    "--host: needs a value",
    'CAPSULED_PORT: "70000" must be a whole number from 0 to 65535',
    'CAPSULED_DRIVER: "docker" must be oci or fake',
    '--pids-max: "x" must be a whole number from 16 to 1000000',
    'CAPSULED_CORS_ORIGINS: "https://a.example,https://b.example/path" must be origins like https://app.example with commas between (no path, no *)',
  ]);
});

test("a database's password is in no problem", () => {
  const [problem = ""] = problemsOf(load({ CAPSULED_DATABASE_URL: "mysql://root:hunter2@db/x" }));
  assert.match(problem, /^CAPSULED_DATABASE_URL: its value must be a URL that begins with postgres:\/\//);
  assert.ok(!problem.includes("hunter2"));
  for (const argv of [
    ["--databse-url", "postgres://root:hunter2@db/x"],
    ["--databse-url=postgres://root:hunter2@db/x"],
    ["postgres://root:hunter2@db/x"],
  ]) {
    const problems = problemsOf(load({}, argv));
    assert.equal(problems.length, 1);
    assert.ok(!problems.join().includes("hunter2"));
  }
});

test("sizes, lists and URLs are read as documented", () => {
  const config = configOf(
    load({
      CAPSULED_OUTPUT_BYTES_MAX: "2MiB",
      CAPSULED_CORS_ORIGINS: " https://a.example, http://localhost:3000 ,https://a.example",
      CAPSULED_TEMPLATES: "none",
      CAPSULED_DATABASE_URL: "postgres://u:p@db/x",
      CAPSULED_TEMPLATE_MIRROR: "http://deb.example/debian",
    }),
  );
  assert.equal(config.outputBytesMax, 2 * 1024 * 1024);
  assert.deepEqual(config.corsOrigins, ["https://a.example", "http://localhost:3000"]);
  assert.deepEqual(config.templates, []);
  assert.equal(config.databaseUrl, "postgres://u:p@db/x");
  assert.equal(config.templateMirror, "http://deb.example/debian");
});

test("a user who is not root gets a data directory of their own by default", () => {
  assert.equal(configOf(load({ HOME: "/home/x" }, [], false)).dataDir, "/home/x/.local/share/capsuled");
  assert.equal(configOf(load({ HOME: "/home/x", XDG_DATA_HOME: "/data" }, [], false)).dataDir, "/data/capsuled");
  assert.equal(configOf(load({ HOME: "/home/x", CAPSULED_DATA_DIR: "/d" }, [], false)).dataDir, "/d");
});

test("a variable that begins like ours and is none is a warning; the client's and the tests' are not", () => {
  const loaded = load({ CAPSULED_PROT: "1", CAPSULED_API_KEY: "x", CAPSULED_TEST_REQUIRE: "x" });
  assert.deepEqual(loaded.kind === "config" && loaded.warnings, ["CAPSULED_PROT: there is no such setting; did you mean CAPSULED_PORT?"]);
});

test("--help and --version go before everything, problems too", () => {
  assert.equal(load({ CAPSULED_PORT: "x" }, ["--nope", "--help"]).kind, "help");
  assert.equal(load({}, ["--version"]).kind, "version");
});

test("--check is a question too, and settings that are wrong answer it first", () => {
  assert.equal(load({ CAPSULED_PORT: "9000" }, ["--check"]).kind, "check");
  assert.equal(load({ CAPSULED_PORT: "x" }, ["--check"]).kind, "invalid");
});

test("no text makes it throw: any value of any setting is read or refused by name", () => {
  const names = Object.keys(SETTINGS);
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("0", "-1", "1e3", "0x10", "1.5", "99999999999999999999", "none", "http://")),
      (name, text) => {
        const loaded = load({ [variableOf(name)]: text });
        if (loaded.kind === "invalid") assert.ok(loaded.problems.every((problem) => problem.startsWith(`${variableOf(name)}: `)));
        else assert.equal(loaded.kind, "config");
      },
    ),
    { numRuns: 1000 },
  );
});

test("whole numbers in range are taken exactly, others refused", () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      const loaded = load({ CAPSULED_PIDS_MAX: String(value) });
      if (value >= 16 && value <= 1_000_000) assert.equal(configOf(loaded).pidsMax, value);
      else assert.equal(problemsOf(loaded).length, 1);
    }),
  );
});

test("the docs and the help name every setting with its default", () => {
  for (const [name, setting] of Object.entries(SETTINGS)) {
    for (const text of [renderConfigDocs(), renderHelp()]) {
      assert.ok(text.includes(flagOf(name)) && text.includes(variableOf(name)) && text.includes(setting.default ?? ""), name);
    }
  }
  assert.ok(
    renderHelp()
      .split("\n")
      .every((line) => line.length <= 110),
  );
});
