import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, InvalidRequestError, InvalidStateError, NotFoundError, StreamError, TemplateNameTakenError } from "capsuled";
import { COMMANDS } from "../src/commands/index.ts";
import { placesIn } from "../src/commands/endpoints.ts";
import { inOwnWords } from "../src/own-words.ts";

const facts = { status: 400, requestId: null, retryAfterSec: null };

function said(name: string, error: unknown, capsule: string | null = null): string | null {
  return inOwnWords(error, { command: COMMANDS.find((one) => one.name === name) ?? null, capsule, keyFrom: () => "--key" });
}

function refused(...problems: readonly { readonly field: string; readonly message: string }[]): ApiError {
  return new InvalidRequestError({ ...facts, code: "invalid_request", message: "first (and more)", details: { problems } });
}

test("fields of the API are told as the options that they were given by, each problem once", () => {
  const must = "must be at least 32";
  assert.equal(said("create", refused({ field: "memory_mb", message: must })), `--memory ${must}`);
  assert.equal(said("run", refused({ field: "timeout_sec", message: must })), `--ttl ${must}`);
  assert.equal(said("create", refused({ field: "network.egress.allow.1", message: "is no name" })), "--egress, its entry 2, is no name");
  assert.equal(said("network", refused({ field: "egress.allow.0", message: "is no name" })), "--set, its entry 1, is no name");
  assert.equal(said("create", refused({ field: "envs.A B", message: "is no name" })), "--env A B is no name");
  assert.equal(said("create", refused({ field: "metadata", message: "at most 20 keys" })), "--label at most 20 keys");
  const twice = refused({ field: "vcpus", message: "is bad" }, { field: "vcpus", message: "is bad" }, { field: "name", message: "is too" });
  assert.equal(said("create", twice), "--vcpus is bad\n          --name is too");
  // A recipe's own fields are in its file, and no options.
  assert.equal(said("templates build", refused({ field: "memory_mb", message: must })), `memory_mb: ${must}`);
  assert.equal(said("create", refused({ field: "constructor", message: must })), `constructor: ${must}`);
});

test("what is to be sent or posted is told as what is to be typed", () => {
  const taken = new TemplateNameTakenError({
    ...facts,
    code: "template_name_taken",
    message: 'The team has a template named "x": delete it, or send overwrite.',
    details: { field: "name" },
  });
  assert.equal(
    said("snapshot", taken),
    'The team has a template named "x": `capsuled templates rm x` deletes it, and --overwrite takes its place.',
  );
  const state = (message: string, status: string): ApiError =>
    new InvalidStateError({ ...facts, code: "invalid_state", message, details: { status } });
  const paused = "The capsule is paused: this is not possible now";
  assert.equal(
    said("exec", state(`${paused}; POST …/resume lets it go on.`, "paused"), "box"),
    `${paused}. \`capsuled resume box\` lets it go on.`,
  );
  const port = "The capsule is paused; POST …/resume lets it go on. One that is created with auto_resume is woken by such a request.";
  assert.equal(said("forward", state(port, "paused"), "box"), "The capsule is paused. `capsuled resume box` lets it go on.");
  const stopped = "The capsule is stopped: this is not possible now";
  assert.equal(
    said("exec", state("The capsule is paused, not running.", ""), "box"),
    "The capsule is paused, not running. `capsuled resume box` lets it go on.",
  );
  assert.equal(
    said("boot", state("The capsule is running: start is not possible now.", "running"), "box"),
    "The capsule is running: boot is not possible now.",
  );
  assert.equal(said("exec", new StreamError("cwd_not_found", "no such directory"), "box"), "--cwd: no such directory, in the capsule");
  const missing = new NotFoundError({ ...facts, code: "not_found", message: "There is no such thing.", details: {} });
  assert.equal(
    said("kill", missing, "my box"),
    "There is no such thing: `capsuled ps 'my box'` lists those that run, `capsuled events --capsule 'my box'` tells of those that have ended.",
  );
  assert.equal(said("templates rm", missing), "There is no such thing: `capsuled templates ls` lists them.");
  assert.equal(said("info", missing), "There is no such thing.");
  const build = new NotFoundError({ ...facts, code: "not_found", message: "There is no build with this id.", details: {} });
  assert.equal(said("templates logs", build), "There is no build with this id.", "no command lists builds");
  assert.equal(
    said("exec", state(`${stopped}; POST …/start boots it again.`, "stopped"), "box"),
    `${stopped}. \`capsuled boot box\` boots it again from its disk.`,
  );
  assert.match(said("exec", state(`${stopped}.`, "error"), "box") ?? "", /nothing to boot from: `capsuled info box`/);
  assert.equal(
    said("pause", state("The capsule is starting: pause is not possible now.", "starting"), "box"),
    "The capsule is starting: pause is not possible now.",
  );
  const words = '"ls -l": not found (it is taken as one program\'s name: put arguments into "args", or run "sh" with ["-c", "…"])';
  const told = said("run", new StreamError("spawn_failed", words)) ?? "";
  assert.match(told, /^"ls -l": not found \(.*words of their own.*sh -c '…'\)$/);
  assert.doesNotMatch(told, /args/);
  const image = said("run", new StreamError("spawn_failed", "python:3.12: command not found")) ?? "";
  assert.match(image, /^There is no program "python:3.12" .*`capsuled templates build --name NAME --image python:3.12`/);
  assert.equal(said("run", new StreamError("spawn_failed", "nope: command not found")), "nope: command not found");
  const terminal = new StreamError("not_found", 'There is no terminal "x" in this capsule.');
  assert.equal(said("shell", terminal, "box"), 'There is no terminal "x" in this capsule: `capsuled ps box` lists those that run.');
  assert.equal(said("ls", new Error("x")), null);
  const denied = (code: string, text: string): ApiError => new ApiError({ ...facts, code, message: text, details: {} });
  assert.equal(
    said("ls", denied("unauthorized", "A key is needed.")),
    "A key is needed. The one that was sent is from --key; a server's first key is in the file `admin-key` of its data directory.",
  );
  const role = "This key's role does not allow it.";
  assert.match(
    said("keys create", denied("forbidden", role)) ?? "",
    /^Only a key with the role admin .*`capsuled keys ls`.* from --key\.$/,
  );
  assert.match(said("teams create", denied("forbidden", role)) ?? "", /^Only an admin's key of the first team/);
  assert.equal(said("templates rm", denied("forbidden", '"minimal" is a template that every team has.')), null);
});

test("of a capsule that was destroyed it is told so, without a command that cannot bring it back", () => {
  const stopped = (state: string): ApiError =>
    new InvalidStateError({ ...facts, code: "invalid_state", message: "The capsule is stopped, not running.", details: { state } });
  const told = (error: unknown, message: string | null): string | null =>
    inOwnWords(error, { command: null, capsule: "box", destroyed: { message }, keyFrom: () => "--key" });
  for (const state of ["destroyed", "destroying"]) assert.equal(said("exec", stopped(state), "box"), "This capsule was destroyed.");
  assert.equal(told(stopped(""), null), "This capsule was destroyed.");
  assert.equal(told(stopped(""), "Its disk was lost."), "This capsule was destroyed: Its disk was lost.");
  assert.match(said("exec", stopped("stopped"), "box") ?? "", /`capsuled boot box`/);
});

test("problems of a file are told with their places, each once, and how many more there are", () => {
  const at = (line: number, message: string): object => ({ line, column: 3, path: "endpoints[0].x", message });
  const problems = [at(2, "is bad"), at(2, "is bad"), at(9, "is\u001b[2J worse"), { line: 4 }, null];
  const error = new InvalidRequestError({
    ...facts,
    code: "invalid_request",
    message: "line 2, column 3: is bad (and 4 more)",
    details: { problems },
  });
  assert.deepEqual(placesIn(error, "e.yaml"), ["e.yaml:2:3: endpoints[0].x: is bad", "e.yaml:9:3: endpoints[0].x: is worse", "and 2 more"]);
  assert.deepEqual(placesIn(refused({ field: "x", message: "y" }), "e.yaml"), []);
  assert.deepEqual(placesIn(new Error("x"), "e.yaml"), []);
});
