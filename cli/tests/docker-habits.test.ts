import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Command } from "../src/command.ts";
import { COMMANDS } from "../src/commands/index.ts";
import { createOptions } from "../src/create-options.ts";
import { isImageName } from "../src/docker-habits.ts";
import { UsageError } from "../src/exit.ts";
import { findCommand, parseCommand } from "../src/parse.ts";

const CLI = fileURLToPath(new URL("../src/main.ts", import.meta.url));

function given(line: string) {
  const { command, argv } = findCommand(COMMANDS, line.split(" ")) ?? assert.fail(line);
  return parseCommand(command, argv);
}

/** What is said to a command line before anything is asked of a server. */
function said(...argv: readonly string[]): string {
  const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", CAPSULED_DATA_DIR: "/nonexistent" };
  const { status, stderr } = spawnSync(process.execPath, [CLI, ...argv], { encoding: "utf8", env });
  assert.equal(status, 64, stderr);
  return stderr;
}

test("a command begins with the first word that is neither an option nor an argument, and its options are its own", () => {
  for (const [line, args, rest] of [
    ["exec box ls -l --json", ["box"], ["ls", "-l", "--json"]],
    ["exec box -- ls -l", ["box"], ["ls", "-l"]],
    ["exec box git log -- file", ["box"], ["git", "log", "--", "file"]],
    ["exec -it box bash", ["box"], ["bash"]],
    ["exec -iw /srv box ls", ["box"], ["ls"]],
    ["exec -w/srv box ls", ["box"], ["ls"]],
    ["exec box --cwd /srv -e A=1 ls -e", ["box"], ["ls", "-e"]],
    ["exec --cwd=/srv box -- -x", ["box"], ["-x"]],
    ["run python3 -c print(1)", [], ["python3", "-c", "print(1)"]],
    ["run --rm -it -e A=1 --name x -w /srv -u www --server s bash -l", [], ["bash", "-l"]],
    ["run --memory 2g -- true", [], ["true"]],
    ["shell box bash -l", ["box"], ["bash", "-l"]],
    ["run", [], null],
    ["exec box", ["box"], null],
  ] as const) {
    const found = given(line);
    assert.deepEqual([found.arguments, found.rest], [args, rest], line);
  }
  assert.deepEqual(
    ["cwd", "user", "name"].map((name) => given("run --rm -it --name x -w /srv -u www bash").text(name)),
    ["/srv", "www", "x"],
  );
  assert.throws(() => given("ls box ls"), UsageError);
});

test("a variable's name alone is the one that is set here, and memory may have a unit", () => {
  const found = given("run -e A -e B=2 -m 2g true");
  assert.deepEqual(found.variables("env", { A: "here" }), { A: "here", B: "2" });
  assert.throws(() => found.variables("env", {}), /"A" is neither/);
  for (const [text, mib] of [
    ["512", 512],
    ["512m", 512],
    ["1GiB", 1024],
  ] as const)
    assert.equal(createOptions(given(`create --memory ${text}`), {}).memory_mb, mib);
  assert.throws(() => createOptions(given("create --memory 1k"), {}), UsageError);
});

test("what does not mean the same here is answered with the words that do it, and those are commands and options that there are", () => {
  for (const [argv, due] of [
    [["run", "-d", "nginx"], "`capsuled exec -d box COMMAND` leaves one running"],
    [["run", "-v", "/a:/b", "ls"], "`capsuled cp FILE CAPSULE:PATH` copies them in"],
    [["run", "-p", "80:80", "nginx"], "`capsuled forward CAPSULE LOCAL:PORT`"],
    [["create", "--cpus", "2"], "say --vcpus N"],
    [["exec", "--workdir", "/srv", "box", "ls"], "say --cwd DIR, or -w DIR"],
    [["exec", "-u", "www", "box", "id"], "as in: runuser -u www -- COMMAND"],
    [["exec", "-u", "1000:50", "box", "id"], "as in: setpriv --reuid 1000 --regid 50 --clear-groups COMMAND"],
    [["exec", "-u", "1000", "box", "id"], "as in: setpriv --reuid 1000 --regid 1000 --clear-groups COMMAND"],
    [["ps", "-a"], "listed by `capsuled ls`"],
    [["ps", "-a", "box"], "`capsuled events --capsule CAPSULE` says what has ended"],
    [["exec", "--background", "box", "ls"], "say --detach, or -d"],
    [["network", "box", "--egress", "none"], "say --set none, allow, or names"],
    [["network", "box", "--allow", "pypi.org"], "say --set none, allow, or names"],
    [["ps"], "listed by `capsuled ls`"],
    [["kill", "box"], "ended by `capsuled halt` or `capsuled rm`"],
    [["logs", "box"], "`capsuled ps CAPSULE` lists the processes"],
    [["logs", "--tail", "5", "box", "x"], "| tail -n N`"],
    [["pull", "python:3.12"], "`capsuled templates build --name NAME --image IMAGE`"],
    [["image", "ls"], "`capsuled templates ls`"],
    [["teams", "rm", "x"], "no way to delete a team"],
    [["start", "-d"], "always started in the background"],
  ] as const) {
    const told = said(...argv);
    assert.ok(told.includes(due), `${argv.join(" ")}: ${told}`);
  }
  const tables: readonly Command[] = COMMANDS.filter(({ hints }) => hints !== undefined);
  const texts = [...new Set(tables.flatMap(({ hints = {} }) => Object.values(hints)))];
  for (const text of texts)
    for (const [, line = ""] of text.matchAll(/`capsuled ([^`…]+)/g)) assert.ok(findCommand(COMMANDS, line.split(" ")), line);
});

test("the name of an image is told from that of a program", () => {
  for (const image of ["python:3.12", "ubuntu", "ghcr.io/owner/tools", "owner/app:1.2"]) assert.ok(isImageName(image), image);
  for (const program of ["python3", "./run:this", "/usr/bin/env", "bash", "a/b", "a.out"]) assert.ok(!isImageName(program), program);
});
