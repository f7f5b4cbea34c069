import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Capsule } from "capsuled";
import { CLI, startCli } from "../harness/cli.ts";
import { meddlingProxy } from "../harness/meddling-proxy.ts";
import { sdkClient } from "../harness/sdk.ts";
import { newTeam } from "../harness/team.ts";

let capsule: Capsule;
let env: Readonly<Record<string, string>>;

before(async () => {
  const { key } = await newTeam();
  env = { CAPSULED_API_KEY: key };
  capsule = await sdkClient({ apiKey: key }).capsules.create({ name: "box" });
});
after(async () => {
  await capsule.destroy();
});

test("shell tells that its connection is gone and that it is back, and loses no key's echo", async () => {
  let isCut = false;
  await using proxy = await meddlingProxy(() => (isCut ? { instead: "" } : {}));
  const command = `stty rows 33 cols 99; exec ${process.execPath} ${CLI} shell box -- sh`;
  const shell = startCli([], { ...env, CAPSULED_URL: proxy.url, TERM: "xterm" }, ["script", "-qefc", command, "/dev/null"]);
  await shell.printed("# ");
  shell.child.stdin.write("X=ke''pt; echo at fi''rst\r");
  await shell.printed("at first");
  isCut = true;
  proxy.endAll();
  await shell.printed("the connection is gone; connecting again");
  isCut = false;
  await shell.printed("\u001b7\u001b[1B\r\u001b[2K\u001b8");
  shell.child.stdin.write("echo still $X; exit 4\r");
  await shell.printed("still kept");
  assert.equal((await shell.ended).code, 4);
});

test("exec -it runs its command in a terminal, as the user and where it is told, and ends with its code", async () => {
  const command = `exec ${process.execPath} ${CLI} exec -it -u nobody -w /srv -e A=1 box sh -c 'test -t 0 && echo "$(id -un) $PWD $A"; exit 5'`;
  const run = startCli([], { ...env, TERM: "xterm" }, ["script", "-qefc", command, "/dev/null"]);
  const { code, stdout } = await run.ended;
  assert.equal(code, 5, stdout);
  assert.match(stdout, /nobody \/srv 1\r+\n/);
});

test("shell --attach says that a terminal has ended, and how", async () => {
  const terminal = await capsule.pty.open({ cmd: "sh", args: ["-c", "echo last words; exit 3"] });
  const { tag } = await terminal.started;
  for await (const event of terminal) if (event.type === "exit") break;
  const command = `exec ${process.execPath} ${CLI} shell box --attach ${tag}`;
  const shell = startCli([], { ...env, TERM: "xterm" }, ["script", "-qefc", command, "/dev/null"]);
  const { code, stdout } = await shell.ended;
  assert.equal(code, 3, stdout);
  assert.match(stdout, /last words[^]*capsuled: the terminal has ended: exit code 3 \(exited\)/);
});
