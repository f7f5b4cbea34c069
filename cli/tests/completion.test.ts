import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fakeServer } from "../../sdk/typescript/testing/fake-server.ts";
import type { FakeServer } from "../../sdk/typescript/testing/fake-server.ts";
import { COMMANDS } from "../src/commands/index.ts";
import { complete } from "../src/completion/candidates.ts";
import type { Names } from "../src/completion/candidates.ts";
import { SCRIPTS } from "../src/completion/scripts.ts";

const CLI = fileURLToPath(new URL("../src/main.ts", import.meta.url));

const named =
  (...words: string[]) =>
  async () =>
    words.map((word) => ({ word, about: "" }));
const NAMES: Names = {
  processes: async (capsule) => (capsule === "box" ? [{ word: "server", about: "python3" }] : []),
  templates: named("minimal", "mine"),
  endpoints: named("deploy"),
  callArguments: async (endpoint) => (endpoint === "deploy" ? [{ word: "branch=", about: "" }] : []),
  runs: named("run-1"),
  keys: named("key-1"),
  servers: named("build"),
  capsules: async () => [{ word: "box", about: "cl-1 running" }],
  entries: async (capsule, directory) => (capsule === "box" && directory === "/srv/" ? ["data/", "done.txt"] : []),
};

async function wordsOf(...words: string[]): Promise<readonly string[]> {
  return (await complete(COMMANDS, words, NAMES)).candidates.map(({ word }) => word);
}

test("completion knows every command, its options with what they are, and what its arguments name", async () => {
  const first = await wordsOf("");
  for (const { name, options = {} } of COMMANDS) {
    const words = name.split(" ");
    assert.ok(first.includes(words[0] ?? ""), name);
    if (words.length === 2) assert.ok((await wordsOf(words[0] ?? "", "")).includes(words[1] ?? ""), name);
    const offered = await complete(COMMANDS, [...words, "--"], NAMES);
    for (const option of [...Object.keys(options), "json", "server"])
      assert.ok(
        offered.candidates.some(({ word, about }) => word === `--${option}` && about !== ""),
        `${name} --${option}`,
      );
  }
  assert.deepEqual(await wordsOf("info", ""), ["box"]);
  assert.deepEqual(await wordsOf("--server", "x", "destroy", ""), ["box"], "options may come first, and commands have other words");
  assert.deepEqual(await wordsOf("exec", "--tag", "x", "b"), ["box"]);
  assert.deepEqual(await wordsOf("exec", "box", "-"), []);
  assert.deepEqual(await wordsOf("rm", "box", ""), ["box"]);
  assert.deepEqual(await wordsOf("events", "--capsule", ""), ["box"]);
  assert.deepEqual(await wordsOf("completion", "f"), ["fish"]);
  assert.deepEqual(await wordsOf("watch", "-r", "b"), ["box:"]);
  assert.deepEqual(await wordsOf("cp", "box:/srv/d"), ["box:/srv/data/", "box:/srv/done.txt"]);
  assert.deepEqual(await wordsOf("run", "--memory", ""), []);
  for (const [words, due] of [
    [
      ["run", "--template", "m"],
      ["minimal", "mine"],
    ],
    [
      ["templates", "rm", "minimal", "m"],
      ["minimal", "mine"],
    ],
    [["endpoints", "call", ""], ["deploy"]],
    [
      ["endpoints", "call", "deploy", "--method", ""],
      ["GET", "POST", "PUT", "PATCH", "DELETE"],
    ],
    [["endpoints", "call", "deploy", ""], ["branch="]],
    [["runs", "--endpoint", ""], ["deploy"]],
    [["runs", "logs", ""], ["run-1"]],
    [["runs", "cancel", ""], ["run-1"]],
    [["keys", "revoke", ""], ["key-1"]],
    [["ls", "--server", ""], ["build"]],
    [["servers", "rm", ""], ["build"]],
    [["logs", "-f", "box", ""], ["server"]],
    [["kill", "box", "-s", "SIGT"], ["SIGTERM"]],
    [["shell", "box", "--attach", ""], ["server"]],
    [["shell", "other", "--attach", ""], []],
    [
      ["ls", "--status", "p"],
      ["pending", "paused"],
    ],
    [["exec", "-it", ""], ["box"]],
    [["exec", "-w", "/srv", ""], ["box"]],
  ] as const)
    assert.deepEqual(await wordsOf(...words), due, words.join(" "));
  const files = async (...words: string[]): Promise<boolean> => (await complete(COMMANDS, words, NAMES)).withFiles;
  assert.deepEqual(
    await Promise.all([
      files("cp", "x"),
      files("cp", "box:/x"),
      files("endpoints", "apply", "-f", ""),
      files("images", "upload", ""),
      files("info", ""),
      files("exec", "box", "cat", ""),
      files("run", "cat", "-"),
      files("start", "--data-dir", ""),
    ]),
    [true, false, true, true, false, true, true, true],
  );
});

const CAPSULE = { id: "cl-0123456789abcdefghijklmno", name: "my-box", status: "running" };

/** A server with one capsule, in whose /srv lies one file. */
function oneCapsule(): Promise<FakeServer> {
  return fakeServer({
    answer: ({ method, url }) => {
      if (url.endsWith("/files/list")) return { body: { entries: [{ name: "data.txt", type: "file" }], next_cursor: null } };
      if (method === "GET" && url.startsWith("/v1/capsules/")) return { body: CAPSULE };
      return { body: url.includes("?") ? { items: [CAPSULE], next_cursor: null } : [CAPSULE] };
    },
  });
}

/** What is typed, with its tab, and the words that the program is then called with. */
const TYPED: readonly (readonly [string, readonly string[]])[] = [
  ["capsuled pau\t", ["pause"]],
  ["capsuled endpoints ap\t", ["endpoints", "apply"]],
  ["capsuled run --templ\t", ["run", "--template"]],
  ["capsuled completion zs\t", ["completion", "zsh"]],
  ["capsuled info my\t", ["info", "my-box"]],
  ["capsuled cp my-box:/srv/da\t", ["cp", "my-box:/srv/data.txt"]],
  ["capsuled cp my-b\t/srv/da\t ./loc\t", ["cp", "my-box:/srv/data.txt", "./local.txt"]],
  ["capsuled cp ./two\\ w\t box:", ["cp", "./two words.txt", "box:"]],
  ["capsuled endpoints apply -f ./loc\t", ["endpoints", "apply", "-f", "./local.txt"]],
  ["npx capsuled info my\t", ["info", "my-box"]],
];

/** A terminal shows a line's end as two characters. */
const TYPED_IN_BASH: typeof TYPED = [["capsuled cp ./odd\t box:", ["cp", "./odd\r\nname.txt", "box:"]]];

const SHELLS = {
  bash: "exec bash --noprofile --norc -i",
  zsh: "exec zsh -f -i",
  fish: "exec fish --no-config -i",
} as const;

for (const shell of ["bash", "zsh", "fish"] as const) {
  const isThere = spawnSync(shell, ["--version"]).status === 0;
  test(
    `in ${shell} a tab completes commands, options, capsules, their files and those of this machine`,
    { skip: isThere ? false : `no ${shell} on this host`, timeout: 300_000 },
    async () => {
      await using server = await oneCapsule();
      const dir = mkdtempSync(join(tmpdir(), "capsuled-completion-"));
      try {
        for (const name of ["local.txt", "two words.txt", "odd\nname.txt"]) writeFileSync(join(dir, name), "");
        writeFileSync(join(dir, "completion"), SCRIPTS[shell]);
        // It completes as the program does, and says what it was called with.
        const program = `#!/bin/sh\n[ "$1" != __complete ] || exec ${process.execPath} ${CLI} "$@"\nfor word; do printf '<%s>' "$word"; done; echo .\n`;
        writeFileSync(join(dir, "capsuled"), program);
        chmodSync(join(dir, "capsuled"), 0o755);
        mkdirSync(join(dir, "node_modules/.bin"), { recursive: true });
        symlinkSync("../../capsuled", join(dir, "node_modules/.bin/capsuled"));
        writeFileSync(join(dir, "npx"), '#!/bin/sh\nexec "$@"\n');
        chmodSync(join(dir, "npx"), 0o755);
        await typeAll(shell, dir, server.url);
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  );
}

/** Types each line at a shell on a terminal, waiting for the answer to one before the next. */
async function typeAll(shell: keyof typeof SHELLS, dir: string, url: string): Promise<void> {
  const child = spawn("script", ["-qefc", `stty cols 200 rows 50; ${SHELLS[shell]}`, "/dev/null"], {
    cwd: dir,
    env: {
      PATH: `${dir}:${process.env["PATH"] ?? ""}`,
      HOME: dir,
      TERM: "xterm",
      LANG: "C.UTF-8",
      CAPSULED_URL: url,
      CAPSULED_API_KEY: `wrn_${"0".repeat(40)}`,
    },
  });
  let shown = "";
  const waiting = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    for (const look of waiting) look();
  });
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  const shows = (text: string, from: number): Promise<void> =>
    new Promise((done, failed) => {
      const look = (): void => {
        if (!shown.includes(text, from)) return;
        waiting.delete(look);
        clearTimeout(timer);
        done();
      };
      const timer = setTimeout(() => failed(new Error(`${text} is not shown, but ${JSON.stringify(shown.slice(from))}`)), 30_000);
      waiting.add(look);
      look();
    });
  try {
    // What is echoed is not what is waited for.
    child.stdin.write(shell === "fish" ? "source completion; echo rea''dy\r" : ". ./completion; echo rea''dy\r");
    await shows("ready", 0);
    for (const [typed, words] of [...TYPED, ...(shell === "bash" ? TYPED_IN_BASH : [])]) {
      const from = shown.length;
      child.stdin.write(`${typed}\r`);
      await shows(`${words.map((word) => `<${word}>`).join("")}.`, from);
    }
    child.stdin.write("exit\r");
    await ended;
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}
