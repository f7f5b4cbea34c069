import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { property } from "../harness/call.ts";
import { CLI } from "../harness/cli.ts";
import { programEntries } from "../harness/image-build.ts";
import { imageOf, layoutArchive } from "../harness/image.ts";
import { readState } from "../harness/state.ts";
import { tarOf } from "../harness/tar.ts";
import { newTeam } from "../harness/team.ts";

const bash = promisify(execFile);

/** Examples that are not run here, each with the reason. */
const NOT_RUN: Readonly<Record<string, string>> = {
  "capsuled exec -it box bash": "needs a terminal: cli-shell.test.ts",
  "capsuled shell box": "needs a terminal: cli.test.ts",
  "capsuled shell box --attach pty-…": "needs a terminal: cli.test.ts",
  "capsuled watch -r box:/workspace": "has no end of its own: cli.test.ts",
  "capsuled watch --json cl-…:/workspace/out": "has no end of its own: cli.test.ts",
  "capsuled forward box 3000": "has no end of its own: cli-forward.test.ts",
  "capsuled forward box 8081:3000 0:5173": "has no end of its own: cli-forward.test.ts",
  "capsuled events -f": "has no end of its own: cli.test.ts",
  "capsuled templates build --name tools --image ghcr.io/owner/tools:1.2": "a registry that tests do not reach: images.test.ts has its own",
  'eval "$(capsuled completion zsh)"': "needs zsh: cli/tests/completion.test.ts",
  "capsuled completion fish | source": "needs fish: cli/tests/completion.test.ts",
  "sudo capsuled start": "a second server: packages.test.ts",
  "sudo capsuled start --port 9000": "a second server: packages.test.ts",
  "sudo capsuled stop": "would end the server under test: packages.test.ts",
  "sudo capsuled stop --capsules": "would end the server under test: packages.test.ts",
};

/** All examples of the reference, as they are written there. */
function documented(): readonly string[] {
  const text = readFileSync(fileURLToPath(new URL("../../docs/reference/cli.md", import.meta.url)), "utf8");
  return [...text.matchAll(/^Examples?:\n((?: {2}.*\n)+)/gm)].flatMap(([, lines = ""]) =>
    lines
      .trimEnd()
      .split("\n")
      .map((line) => line.trim()),
  );
}

test("each example of the reference does what it says, as it is written", { timeout: 600_000 }, async () => {
  const { url, adminKey } = readState();
  const { key } = await newTeam();
  const dir = mkdtempSync(join(tmpdir(), "capsuled-examples-"));
  const done = new Set<string>();
  const sh = async (line: string, more: Readonly<Record<string, string>> = {}): Promise<string> => {
    const PATH = `${join(dir, "bin")}:${process.env["PATH"] ?? ""}`;
    const env = { PATH, HOME: dir, XDG_CONFIG_HOME: dir, CAPSULED_URL: url, CAPSULED_API_KEY: key, ...more };
    const { stdout } = await bash("bash", ["-c", `set -o pipefail; ${line}`], { cwd: dir, env });
    return stdout;
  };
  /** Does one, with what stands for `…` and numbers put in, and looks at what it prints. */
  const example = async (line: string, prints: RegExp, put: readonly (readonly [string, string])[] = [], more = {}): Promise<string> => {
    done.add(line);
    const said = await sh(
      put.reduce((text, [from, to]) => text.replace(from, to), line),
      more,
    );
    assert.match(said, prints, line);
    return said;
  };
  const inJson = async (line: string, ...names: string[]): Promise<string> =>
    names.reduce((value: unknown, name) => property(value, name), JSON.parse(await sh(line)) as unknown) as string;
  try {
    prepare(dir);
    await example("capsuled run -- python3 -c 'print(6 * 7)'", /^42\n$/);
    await example("echo hello | capsuled run -i -- tr a-z A-Z", /^HELLO\n$/);
    const id = (await example("capsuled create --template minimal --name box --memory 1024", /^cl-\w{25}\n$/)).trim();
    await example("capsuled ls --status running", /box +running/);
    await example("capsuled info box", /^memory_mb +1024$/m);
    await example("capsuled info cl-…", /^name +box$/m, [["cl-…", id]]);
    await example("capsuled exec box -- ls -l /workspace", /^total 0\n$/);
    const server = (await example("capsuled exec -d box -- python3 -m http.server", /^pr-\w{25}\n$/)).trim();
    const found = JSON.parse(await sh("capsuled ps box --json")) as readonly { readonly id: string; readonly pid: number }[];
    await sh("capsuled exec -d --tag server box -- sh -c 'echo up; exec sleep 600'");
    await sh("until capsuled logs box server | grep -q up; do sleep 0.1; done");
    await sh("capsuled exec -d --tag bg-short box -- echo done");
    await example("capsuled ps box", /server +pr-/);
    await example("capsuled logs -f box bg-…", /^done\n$/, [["bg-…", "bg-short"]]);
    await example("capsuled logs box server", /^up\n$/);
    await example("capsuled kill box 42", /was sent SIGKILL\n$/, [["42", String(found.find((one) => one.id === server)?.pid)]]);
    await example("capsuled kill box server --signal SIGTERM", /^server was sent SIGTERM\n$/);
    await example("capsuled pause box", /^box paused\n$/);
    await example("capsuled resume box", /^box running\n$/);
    await example("capsuled halt box", /^box stopped\n$/);
    await example("capsuled boot box", /^box running\n$/);
    await example("capsuled ping box", /^box noted\n$/);
    await example("capsuled network box --log", /^egress /);
    await example("capsuled network box --set pypi.org,203.0.113.0/24", /pypi\.org/);
    await example("capsuled cp ./project box:/workspace", /^1 file\n$/);
    await example("capsuled cp ./project/. box:/srv", /^1 file\n$/);
    await sh("capsuled exec box -- cp /workspace/project/data /workspace/result.json");
    await example("capsuled cp box:/workspace/result.json .", /^1 file\n$/);
    assert.equal(readFileSync(join(dir, "result.json"), "utf8"), "{}\n");
    await example("capsuled cp a.txt b.txt box:/workspace", /^2 files\n$/);
    await example("echo hello | capsuled cp - box:/workspace/hello.txt", /^(?:1 file\n)?$/);
    assert.equal(await sh("capsuled exec box -- cat /workspace/hello.txt"), "hello\n");
    await example("capsuled cp box:/workspace - | tar -t", /hello\.txt$/m);
    await example("capsuled events --capsule box --limit 10", /capsule\.running .*box/);
    await example("capsuled snapshot box --name with-dependencies", /^with-dependencies\n$/);
    await example("capsuled fork box --count 3", /^(cl-\w{25}\n){3}$/);
    await example("capsuled rm box", /^box destroyed\n$/);
    await example("capsuled ls -q | xargs capsuled rm", /^(cl-\w{25} destroyed\n){3}$/);

    await example("capsuled templates ls", /with-dependencies +snapshot/);
    await example("capsuled templates rm with-dependencies", /^with-dependencies is deleted\n$/);
    await example("capsuled templates build -f recipe.yaml --overwrite", /^example\n$/);
    const build = (await sh("capsuled templates build -f recipe.yaml --overwrite -d")).trim();
    await example("capsuled templates logs bd-…", /echo made[^]*\nmade\n/, [["bd-…", `${build} 2>&1`]]);
    await example("docker save my/image | capsuled templates build --name mine --image-archive -", /^mine\n$/);
    await sh("capsuled templates rm example mine");
    const image = (await example("capsuled images upload image.tar", /^im-\w{25}\n$/)).trim();
    const second = (await example("docker save my/image | capsuled images upload -", /^im-\w{25}\n$/)).trim();
    await example("capsuled images rm im-…", /is removed\n$/, [["im-…", image]]);
    await sh(`capsuled images rm ${second} || true`);

    await example("capsuled endpoints apply -f capsuled.yaml --dry-run", /^create +deploy\nnothing was changed\n$/);
    await sh("capsuled endpoints apply -f capsuled.yaml");
    await example("capsuled endpoints ls", /^deploy /m);
    await example("capsuled endpoints call deploy branch=main", /^deploying main\n$/);
    await example("capsuled runs --endpoint deploy", /deploy +succeeded +0/);
    const run = await inJson("capsuled runs --json", "0", "id");
    await example("capsuled runs logs run-…", /^deploying main\n$/, [["run-…", run]]);
    await example("capsuled runs cancel run-…", /succeeded\n$/, [["run-…", run]]);
    await example("capsuled endpoints rm deploy", /^deploy is gone\n$/);

    await example("capsuled keys create --name ci", /^wrn_\w+\n$/);
    await example("capsuled keys ls", /ci +member/);
    const keys = JSON.parse(await sh("capsuled keys ls --json")) as readonly { readonly id: string; readonly name: string }[];
    await example("capsuled keys revoke key-…", /is revoked\n$/, [["key-…", keys.find(({ name }) => name === "ci")?.id ?? ""]]);
    await example("capsuled teams create Builders --slug builders", /^builders\nwrn_\w+\n$/, [], { CAPSULED_API_KEY: adminKey });
    await example("capsuled teams ls", /^ID +SLUG/);
    await example("CAPSULED_API_KEY=wrn_… capsuled servers add build https://capsules.example --default", /^build is https:/);
    await example("capsuled servers ls", /^build +https.* yes +yes$/m);
    await example("capsuled servers rm build", /^build is forgotten\n$/);
    await example("capsuled doctor", /^ok +key /m);
    await example("capsuled doctor --json", /"what":"key","state":"ok"/);
    await example('eval "$(capsuled completion bash)"', /^$/);
  } finally {
    rmSync(dir, { recursive: true });
  }
  const examples = documented();
  assert.ok(examples.length > 60, `${examples.length} examples`);
  const left = examples.filter((line) => !done.has(line) && NOT_RUN[line] === undefined);
  assert.deepEqual(left, [], "run each above, or say why it is not run");
  const stale = [...done, ...Object.keys(NOT_RUN)].filter((line) => !examples.includes(line));
  assert.deepEqual(stale, [], "the reference has these no more");
});

/** What the examples take for given: the programs by their names, and files in the directory. */
function prepare(dir: string): void {
  mkdirSync(join(dir, "bin"));
  const program = (name: string, line: string): void => {
    writeFileSync(join(dir, "bin", name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(dir, "bin", name), 0o755);
  };
  program("capsuled", `exec ${process.execPath} ${CLI} "$@"`);
  program("docker", `cat ${join(dir, "image.tar")}`);
  mkdirSync(join(dir, "project"));
  writeFileSync(join(dir, "project/data"), "{}\n");
  for (const name of ["a.txt", "b.txt"]) writeFileSync(join(dir, name), `${name}\n`);
  writeFileSync(join(dir, "recipe.yaml"), "name: example\nmemory_mb: 96\nsteps: ['echo made']\n");
  writeFileSync(
    join(dir, "capsuled.yaml"),
    "version: 1\nendpoints:\n  - name: deploy\n    command: echo deploying {{branch}}\n    args: [{ name: branch, required: true }]\n",
  );
  const config = { Env: ["PATH=/bin"] };
  writeFileSync(join(dir, "image.tar"), layoutArchive(imageOf({ layers: [tarOf(programEntries(["sh"]))], config })));
}
