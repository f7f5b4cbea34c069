import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Command } from "../src/command.ts";
import { COMMANDS } from "../src/commands/index.ts";
import { UsageError } from "../src/exit.ts";
import { commandHelp, programHelp } from "../src/help.ts";
import { findCommand, parseCommand } from "../src/parse.ts";
import { isServer, whyNoServer } from "../src/server-program.ts";
import { connectionFrom, writeConfiguration } from "../src/servers.ts";
import { nearest } from "../src/suggest.ts";
import { plain } from "../src/table.ts";

const CLI = fileURLToPath(new URL("../src/main.ts", import.meta.url));

test("every command is found by its name, and its help has an example that its own table takes", () => {
  assert.equal(new Set(COMMANDS.map(({ name }) => name)).size, COMMANDS.length);
  for (const command of COMMANDS) {
    assert.equal(findCommand(COMMANDS, command.name.split(" "))?.command, command);
    const help = commandHelp(command);
    assert.ok(programHelp(COMMANDS).includes(command.summary));
    for (const example of command.examples) {
      assert.ok(help.includes(example));
      const words = wordsOf(example);
      const found = findCommand(COMMANDS, words);
      assert.equal(found?.command, command, example);
      assert.doesNotThrow(() => parseCommand(command, found?.argv ?? []), example);
    }
  }
});

/** The words behind `capsuled` in an example, as a shell gives them. */
function wordsOf(example: string): readonly string[] {
  const script = `capsuled() { printf '%s\\n' "$@" >&3; }; sudo() { "$@"; }; xargs() { :; }; ${example}`;
  const { output } = spawnSync("bash", ["-c", script], { stdio: ["ignore", "ignore", "ignore", "pipe"], encoding: "utf8" });
  return (output[3] ?? "").trimEnd().split("\n");
}

function commandOf(name: string): Command {
  const found = COMMANDS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

test("a short option takes its value behind it, as the next word, and behind an equals sign as docker has it", () => {
  for (const argv of [
    ["-w", "/srv", "-e", "A==1"],
    ["-w/srv", "-eA==1"],
    ["-w=/srv", "-e=A==1"],
    ["--cwd=/srv", "--env=A==1"],
  ]) {
    const given = parseCommand(commandOf("exec"), [...argv, "-i", "box", "ls", "-w=/x"]);
    assert.deepEqual([given.text("cwd"), given.pairs("env"), given.flag("interactive")], ["/srv", { A: "=1" }, true], argv.join(" "));
    assert.deepEqual([given.arguments, given.rest], [["box"], ["ls", "-w=/x"]]);
  }
  const together = parseCommand(commandOf("exec"), ["-itw=/srv", "box", "sh"]);
  assert.deepEqual([together.text("cwd"), together.flag("tty"), together.rest], ["/srv", true, ["sh"]]);
  // The equals sign of a value is its own where another option's value has begun.
  assert.equal(parseCommand(commandOf("exec"), ["-wi=x", "box", "sh"]).text("cwd"), "i=x");
  assert.equal(parseCommand(commandOf("exec"), ["-w=", "box", "sh"]).text("cwd"), "");
  assert.deepEqual(parseCommand(commandOf("cp"), ["--", "-r=x", "box:/"]).arguments, ["-r=x", "box:/"], "a file that is called so");
  assert.throws(() => parseCommand(commandOf("exec"), ["-t=yes", "box", "sh"]), /-t takes no value/);
});

test("a wrong command line is refused with what is wrong", () => {
  for (const argv of [["--bogus"], ["--memory", "much"], ["--env", "no-value"], ["--label", "novalue"]]) {
    assert.throws(() => {
      const given = parseCommand(commandOf("run"), argv);
      given.number("memory");
      given.variables("env", {});
      given.pairs("label");
    }, UsageError);
  }
  assert.throws(() => parseCommand(commandOf("info"), []), /use it as: capsuled info CAPSULE/);
  assert.throws(() => parseCommand(commandOf("ls"), ["--", "x"]), UsageError);
  assert.deepEqual(parseCommand(commandOf("cp"), ["-r", "--", "-rf", "box:/srv"]).arguments, ["-rf", "box:/srv"]);
  assert.throws(() => parseCommand(commandOf("rm"), ["box", ""]), /an argument is empty, perhaps a variable that is not set/);
  assert.deepEqual(parseCommand(commandOf("exec"), ["box", "printf", ""]).rest, ["printf", ""]);
  const given = parseCommand(commandOf("run"), ["-e", "A=1", "-e", "B=x=y", "--memory", "256", "--", "sh", "-c", "--json"]);
  assert.deepEqual(
    [given.pairs("env"), given.number("memory"), given.rest, given.flag("json")],
    [{ A: "1", B: "x=y" }, 256, ["sh", "-c", "--json"], false],
  );
});

test("a slip in a command or an option is answered with what was probably meant", () => {
  const said = (argv: readonly string[]): string => spawnSync(process.execPath, [CLI, ...argv], { encoding: "utf8" }).stderr;
  const cases: readonly [readonly string[], string][] = [
    [["exce", "box"], 'there is no command "exce"; did you mean exec?'],
    [["endpoint", "ls"], 'there is no command "endpoint"; did you mean endpoints?'],
    [["templates", "bild"], 'there is no command "templates bild"; did you mean capsuled templates build?'],
    [["run", "--tempalte", "x", "--", "ls"], "there is no option --tempalte; did you mean --template?"],
    [["run", "--xyzzy"], "there is no option --xyzzy; --help lists them"],
    [["ls", "-x"], "there is no option -x; --help lists them"],
    [["frobnicate"], 'there is no command "frobnicate"; `capsuled --help` lists them'],
  ];
  for (const [argv, due] of cases) assert.equal(said(argv), `capsuled: ${due}\n`);
  for (const [word, due] of [
    ["sl", "ls"],
    ["lss", "ls"],
    ["rn", "run"],
    ["q", null],
    ["logging", null],
  ] as const)
    assert.equal(nearest(word, ["ls", "run", "logs", "exec"]), due, word);
  const help = spawnSync(process.execPath, [CLI, "help", "run"], { encoding: "utf8" }).stdout;
  assert.match(help, /^Usage: capsuled run /);
  assert.match(spawnSync(process.execPath, [CLI, "templates", "--help"], { encoding: "utf8" }).stdout, /templates build {2}/);
});

test("a server is the one that is named, else the environment's, else the configuration's; what holds keys is this user's alone", () => {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-cli-"));
  try {
    const env = { XDG_CONFIG_HOME: dir };
    const path = join(dir, "capsuled", "config.json");
    writeConfiguration(path, {
      default: "one",
      servers: { one: { url: "http://one.test", api_key: "wrn_1" }, two: { url: "http://two.test" } },
    });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(connectionFrom(env, undefined), { url: "http://one.test", apiKey: "wrn_1" });
    assert.deepEqual(connectionFrom({ ...env, CAPSULED_API_KEY: "wrn_e" }, "two"), { url: "http://two.test", apiKey: "wrn_e" });
    assert.deepEqual(connectionFrom({ ...env, CAPSULED_URL: "http://env.test", CAPSULED_API_KEY: "wrn_e" }, undefined), {
      url: "http://env.test",
      apiKey: "wrn_e",
    });
    assert.throws(() => connectionFrom(env, "three"), /no server "three".*one, two/);
    writeFileSync(join(dir, "admin-key"), "wrn_local\n");
    assert.deepEqual(connectionFrom({ XDG_CONFIG_HOME: join(dir, "none"), CAPSULED_DATA_DIR: dir }, "http://127.0.0.1:9"), {
      url: "http://127.0.0.1:9",
      apiKey: "wrn_local",
    });
    assert.equal(connectionFrom({ XDG_CONFIG_HOME: join(dir, "none"), CAPSULED_DATA_DIR: dir }, "http://elsewhere.test").apiKey, undefined);
    writeFileSync(path, "{");
    assert.throws(() => connectionFrom(env, undefined), /is no configuration/);
    assert.equal(readFileSync(path, "utf8"), "{");
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("where no server can run, what is missing is named with what to do", () => {
  const on = (platform: string, arch: string, node: string) => whyNoServer({ platform, arch, versions: { node } });
  assert.equal(on("linux", "x64", "24.12.0"), null);
  assert.equal(on("linux", "arm64", "26.0.0"), null);
  assert.match(on("darwin", "arm64", "24.12.0") ?? "", /needs Linux, and this is darwin: .*capsuled servers add/);
  assert.match(on("linux", "riscv64", "24.12.0") ?? "", /x86-64 or a 64-bit Arm/);
  assert.match(on("linux", "x64", "24.11.1") ?? "", /needs Node 24\.12 or later, and this is 24\.11\.1: .*npm install node@24/);
});

test("a server is known by its command line, a clone's and an installed one", () => {
  const line = (...words: string[]): string => words.map((word) => `${word}\0`).join("");
  assert.ok(isServer(line("node", "/clone/server/src/main.ts", "--port", "9000")));
  assert.ok(isServer(line("node", "/p/node_modules/@capsuled/server/lib/main.js")));
  assert.ok(!isServer(line("node", "/p/server/lib/main.json")));
  assert.ok(!isServer(line("vim", "server/src/main.tsx")));
});

test("what strangers wrote cannot draw on the terminal", () => {
  assert.equal(plain("a\u001b[31mred\u001b]0;title\u0007\nb\u009b2J"), "ared b");
});
