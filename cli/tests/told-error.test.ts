import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ConnectionError, InvalidRequestError, NotFoundError, StreamError } from "capsuled";
import { COMMANDS } from "../src/commands/index.ts";
import { ConnectionNotice } from "../src/connection-notice.ts";
import { ExitError, UsageError } from "../src/exit.ts";
import { asksForJson } from "../src/parse.ts";
import { errorObject, tellError, tellNote } from "../src/told-error.ts";

const CLI = fileURLToPath(new URL("../src/main.ts", import.meta.url));

const api = { status: 404, requestId: "req-1", retryAfterSec: null };
const missing = new NotFoundError({ ...api, code: "not_found", message: "There is none.", details: {} });

test("an error for programs has the code, the words for people, the request's id, the details and what to do", () => {
  const told = new ExitError(1, 'There is no capsule "x": `capsuled ls` lists those that there are.', { cause: missing });
  assert.deepEqual(errorObject(told, told.message), {
    code: "not_found",
    message: 'There is no capsule "x".',
    request_id: "req-1",
    hint: "`capsuled ls` lists those that there are.",
    exit_code: 1,
  });
  const problems = [{ field: "vcpus", message: "is bad" }];
  const refused = new InvalidRequestError({ ...api, code: "invalid_request", message: "vcpus: is bad", details: { problems } });
  assert.deepEqual(errorObject(refused, "--vcpus is bad\n          --name is too"), {
    code: "invalid_request",
    message: "--vcpus is bad\n--name is too",
    request_id: "req-1",
    details: { problems },
    exit_code: 1,
  });
});

test("each kind of error has a code of its own: the server's, the SDK's, the file system's, or one for the command line", () => {
  const file = Object.assign(new Error("x"), { code: "ENOENT", syscall: "open", path: "/nope" });
  for (const [error, code, exitCode] of [
    [missing, "not_found", 1],
    [new StreamError("spawn_failed", "x"), "spawn_failed", 127],
    [new ConnectionError("x", "nothing_done"), "connection", 69],
    [new UsageError("x"), "usage", 64],
    [new ExitError(64, "x"), "usage", 64],
    [new ExitError(69, "x"), "unavailable", 69],
    [new ExitError(124, "x"), "timeout", 124],
    [new ExitError(1, "x"), "failed", 1],
    [file, "ENOENT", 1],
    [new Error("x"), "failed", 1],
  ] as const) {
    const { code: told, exit_code: exit, request_id: request } = errorObject(error, "x");
    assert.deepEqual([told, exit, request], [code, exitCode, error === missing ? "req-1" : null]);
  }
});

test("what to do is told apart where it begins with a command, and only there", () => {
  for (const [said, message, hint] of [
    ["There is no x; did you mean y? `capsuled ls` lists them.", "There is no x; did you mean y?", "`capsuled ls` lists them."],
    ["It is paused. `capsuled resume box` lets it go on.", "It is paused.", "`capsuled resume box` lets it go on."],
    ["no such option; `capsuled --help` lists them", "no such option.", "`capsuled --help` lists them"],
    ["For scripts there is `capsuled exec`.", "For scripts there is `capsuled exec`.", undefined],
    ["10:30 is no time", "10:30 is no time", undefined],
  ] as const) {
    const told = errorObject(new Error(said), said);
    assert.deepEqual([told.message, told.hint], [message, hint]);
  }
});

test("errors and notes are a line of text for people, and with --json one line of JSON each, on which nothing draws", () => {
  let written = "";
  const process = {
    env: { npm_lifecycle_event: "npx" },
    argv: ["node", "capsuled"],
    cwd: () => "/",
    stderr: { write: (text: string) => (written += text) },
  };
  tellError(process, missing, "gone\u001b[2J: `capsuled ls`", false);
  tellNote(process, "capsuled: left out", false);
  assert.equal(written, "capsuled: gone: `npx capsuled ls`\ncapsuled: left out\n");
  written = "";
  tellError(process, missing, "gone\u001b[2J\nfor good: `capsuled ls` lists", true);
  tellNote(process, "capsuled: left out", true);
  const [error, note, ...more] = written.split("\n");
  assert.deepEqual(JSON.parse(error ?? ""), {
    error: { code: "not_found", message: "gone\nfor good.", request_id: "req-1", hint: "`npx capsuled ls` lists", exit_code: 1 },
  });
  assert.deepEqual([note, more], ['{"note":"left out"}', [""]]);
});

test("a connection that is away is told as JSON where JSON is asked for", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const written: string[] = [];
  const notice = new ConnectionNotice({ env: {}, stderr: { columns: 80, write: (text: unknown) => written.push(String(text)) > 0 } }, true);
  notice.changed(false);
  context.mock.timers.tick(10_000);
  notice.changed(true);
  assert.deepEqual(written, ['{"note":"the connection is gone; connecting again"}\n', '{"note":"the connection is back"}\n']);
});

test("whether JSON is asked for is known of a command line that is wrong, too, and what runs in a capsule does not ask for it", () => {
  for (const [words, due] of [
    ["ls --bogus --json", true],
    ["--json frobnicate", true],
    ["frobnicate --json", true],
    ["--json", true],
    ["exec --json box -- ls", true],
    ["exec box --json -- ls", true],
    ["exec box ls --json", false],
    ["exec box -- ls --json", false],
    ["run npm ls --json", false],
    ["rm -- --json", false],
    ["ls", false],
  ] as const)
    assert.equal(asksForJson(COMMANDS, words.split(" ")), due, words);
  const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", CAPSULED_DATA_DIR: "/nonexistent" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, "ls", "--bogus", "--json"], { encoding: "utf8", env });
  assert.deepEqual([status, stdout], [64, ""]);
  assert.deepEqual(JSON.parse(stderr), {
    error: { code: "usage", message: "there is no option --bogus; --help lists them", request_id: null, exit_code: 64 },
  });
});
