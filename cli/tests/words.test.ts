import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { COMMANDS } from "../src/commands/index.ts";
import { asTyped, invocationOf } from "../src/invocation.ts";
import { findCommand, splitLeading } from "../src/parse.ts";

const CLI = fileURLToPath(new URL("../src/main.ts", import.meta.url));

function capsuled(...args: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", CAPSULED_DATA_DIR: "/nonexistent" };
  return spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8", env });
}

test("other programs' words lead to the command that does it here, within groups too", () => {
  for (const [words, name] of [
    ["list", "ls"],
    ["delete", "rm"],
    ["destroy", "rm"],
    ["remove", "rm"],
    ["inspect", "info"],
    ["endpoints list", "endpoints ls"],
    ["endpoints delete", "endpoints rm"],
    ["templates remove", "templates rm"],
    ["keys delete", "keys revoke"],
    ["keys rm", "keys revoke"],
    ["runs logs", "runs logs"],
    ["runs", "runs"],
  ] as const)
    assert.equal(findCommand(COMMANDS, [...words.split(" "), "--json"])?.command.name, name, words);
  assert.equal(findCommand(COMMANDS, ["constructor"]), null);
  assert.equal(findCommand(COMMANDS, []), null);
});

test("options of every command stand before its name as well as after it", () => {
  assert.deepEqual(splitLeading(["--json", "--server", "here", "--key=wrn_1", "ls", "-q", "--json"]), {
    leading: ["--json", "--server", "here", "--key=wrn_1"],
    argv: ["ls", "-q", "--json"],
  });
  assert.deepEqual(splitLeading(["--help", "ls"]), { leading: [], argv: ["--help", "ls"] });
  assert.deepEqual(splitLeading(["--frobnicate", "ls"]), { leading: [], argv: ["--frobnicate", "ls"] });
  const before = capsuled("--json", "--server", "http://127.0.0.1:9", "--key", "wrn_1", "version");
  const after = capsuled("version", "--json", "--server", "http://127.0.0.1:9", "--key", "wrn_1");
  assert.deepEqual([before.status, before.stdout], [0, after.stdout]);
  assert.match(before.stdout, /"url":"http:\/\/127\.0\.0\.1:9"/);
  const listed = capsuled("--server", "http://127.0.0.1:9", "--key", "wrn_1", "ls");
  assert.deepEqual([listed.status, /http:\/\/127\.0\.0\.1:9/.test(listed.stderr)], [69, true], listed.stderr);
  assert.equal(capsuled("--key").status, 64);
});

test("the version is told by each of the usual words, and help too", () => {
  const said = capsuled("--version").stdout;
  assert.match(said, /^capsuled {2}\d/);
  for (const word of ["-v", "-V", "version"]) assert.equal(capsuled(word).stdout, said, word);
  const help = capsuled("help").stdout;
  assert.match(help, /^Usage: capsuled /);
  for (const word of ["--help", "-h"]) assert.equal(capsuled(word).stdout, help, word);
});

test("who gives the server's commands a capsule is told of the capsule's", () => {
  assert.match(capsuled("stop", "box").stderr, /a capsule is ended by `capsuled halt CAPSULE`/);
  assert.match(capsuled("start", "box").stderr, /booted by `capsuled boot CAPSULE`/);
});

test("an address that is none is told before a key that is missing", () => {
  const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", CAPSULED_URL: "nonsense" };
  const { status, stderr } = spawnSync(process.execPath, [CLI, "ls"], { encoding: "utf8", env });
  assert.deepEqual([status, /"nonsense" is not a URL/.test(stderr)], [78, true], stderr);
  assert.match(capsuled("ls", "--server", "localhost:9000").stderr, /neither a server's name nor a URL: write http:\/\/localhost:9000/);
});

test("an address with a user or a password is refused, and neither is repeated", () => {
  const url = "http://me:s3cret@127.0.0.1:9";
  for (const args of [
    ["--server", url, "--key", "wrn_1", "ls"],
    ["servers", "add", "build", url],
  ]) {
    const { status, stderr } = capsuled(...args);
    assert.ok(status !== 69 && /127\.0\.0\.1:9\b.*key/.test(stderr) && !stderr.includes("s3cret"), stderr);
  }
});

test("a slip before the command, a value that is missing, and a key that is nowhere are told as such", () => {
  for (const [args, due] of [
    [["--jsno", "ls"], "there is no option --jsno before a command; did you mean --json?"],
    [["--frobnicate", "ls"], "there is no option --frobnicate before a command; `capsuled --help` lists them"],
    [["ls", "--key"], "--key needs a value behind it"],
    [["create", "-e"], "--env needs a value behind it"],
    [["ls", "--json=yes"], "--json takes no value"],
  ] as const)
    assert.equal(capsuled(...args).stderr, `capsuled: ${due}\n`);
  assert.match(capsuled("endpoints", "help").stdout, /^Usage: capsuled endpoints COMMAND/);
  const nowhere = capsuled("ls");
  assert.equal(nowhere.status, 77);
  // Whether there are servers, with other directories, depends on the machine.
  assert.match(
    nowhere.stderr,
    /no server was found on this machine: `capsuled start` starts one\..*CAPSULED_API_KEY, or give --key|No server uses the data directory \/nonexistent\. (?:A server runs|Servers run)|A server answers at/,
  );
  assert.match(capsuled("ls", "--server", "http://127.0.0.1:9").stderr, /There is no API key for http:\/\/127\.0\.0\.1:9: set/);
});

test("what is to be typed is written as the program was started", () => {
  const started = (env: NodeJS.ProcessEnv, path: string) => ({ env, argv: ["/usr/bin/node", path], cwd: () => "/clone" });
  const npx = started({ npm_lifecycle_event: "npx", PATH: "/bin" }, "/clone/node_modules/.bin/capsuled");
  const byPath = started({ PATH: "/bin:/usr/bin" }, "/clone/node_modules/.bin/capsuled");
  const found = started({ PATH: "/bin:/opt/bin" }, "/opt/bin/capsuled");
  const far = started({ PATH: "/bin" }, "/opt/x/capsuled");
  assert.deepEqual([npx, byPath, found, far].map(invocationOf), [
    "npx capsuled",
    "node_modules/.bin/capsuled",
    "capsuled",
    "/opt/x/capsuled",
  ]);
  const text =
    "use it as: capsuled run, or capsuled cp; `capsuled ls` lists them. capsuled is a program: sudo capsuled start, … | capsuled cp - x:y";
  assert.equal(asTyped(found, text), text);
  assert.equal(
    asTyped(npx, text),
    "use it as: npx capsuled run, or npx capsuled cp; `npx capsuled ls` lists them. capsuled is a program: sudo npx capsuled start, … | npx capsuled cp - x:y",
  );
});

test("what is missing is said with what was given: the capsule without a command, -t without a terminal", () => {
  const without = capsuled("exec", "my box");
  assert.deepEqual(
    [without.status, without.stderr.includes("say what to run: capsuled exec 'my box' echo hello")],
    [64, true],
    without.stderr,
  );
  for (const args of [
    ["exec", "-t", "box", "true"],
    ["run", "-t", "true"],
  ]) {
    const { status, stderr } = capsuled(...args);
    assert.deepEqual([status, stderr.endsWith(": leave out -t.\n")], [64, true], stderr);
  }
});
