import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { schemas } from "capsuled";
import { cli, startCli } from "../harness/cli.ts";
import { sdkClient } from "../harness/sdk.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";

type Ask = (...args: string[]) => Promise<string>;

/** The program with these variables; what it says where it is well. */
function asking(env: Readonly<Record<string, string>>): Ask {
  return async (...args) => {
    const { code, stdout, stderr } = await cli(args, { env });
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
}

test("keys are made, listed and revoked; a revoked one is refused with 77", async () => {
  const { key } = await newTeam();
  const ask = asking({ CAPSULED_API_KEY: key });
  const made = (await ask("keys", "create", "--name", "ci")).trim();
  assert.match(made, /^wrn_\w+$/);
  assert.match(await ask("keys", "ls"), /ci +member/);
  const keys = JSON.parse(await ask("keys", "ls", "--json")) as schemas.ApiKey[];
  const id = keys.find(({ name }) => name === "ci")?.id ?? "";
  const own = { env: { CAPSULED_API_KEY: made } };
  assert.equal((await cli(["ls"], own)).code, 0);
  assert.equal(await ask("keys", "revoke", id), `${id} is revoked\n`);
  assert.equal((await cli(["ls"], own)).code, 77);
  assert.equal((await cli(["keys", "create", "--role", "king"], own)).code, 64);
});

test("teams are made with their first key, and each sees its own", async () => {
  const name = `Team ${Date.now()}`;
  const made = JSON.parse(await asking({})("teams", "create", name, "--json")) as { team: schemas.Team; key: { key: string } };
  const seen = JSON.parse(await asking({ CAPSULED_API_KEY: made.key.key })("teams", "ls", "--json")) as schemas.Team[];
  assert.deepEqual(
    seen.map((team) => [team.id, team.name]),
    [[made.team.id, name]],
  );
  assert.match(await asking({})("teams", "ls"), new RegExp(name));
});

test("servers are remembered with their keys by name, one of them by default, and forgotten", async () => {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-cli-"));
  try {
    const { url, adminKey } = readState();
    const ask = asking({ XDG_CONFIG_HOME: dir });
    assert.match(await ask("servers", "add", "here", url, "--default"), /^here is /);
    await ask("servers", "add", "nowhere", "http://127.0.0.1:59998");
    assert.match(await ask("servers", "ls"), /here +http.*yes +yes/);
    const plain = { env: { XDG_CONFIG_HOME: dir, CAPSULED_URL: "", CAPSULED_API_KEY: "" } };
    assert.equal((await cli(["ls"], plain)).code, 0, "the default's URL and key are used");
    assert.equal((await cli(["ls", "--server", "nowhere"], plain)).code, 69);
    assert.ok(!(await ask("servers", "ls", "--json")).includes(adminKey), "a list shows no keys");
    await ask("servers", "rm", "here");
    assert.equal((await cli(["ls", "--server", "here"], plain)).code, 78);
    assert.equal((await cli(["servers", "rm", "here"], plain)).code, 64);
    assert.equal((await cli(["servers", "add", "bad", "nonsense"], plain)).code, 64);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("a run is cancelled: whoever called it hears so", async () => {
  const { key } = await newTeam();
  const env = { CAPSULED_API_KEY: key };
  await sdkClient({ apiKey: key }).endpoints.define("slow", { command: "echo up; exec sleep 600", shell: true });
  const call = startCli(["endpoints", "call", "slow"], env);
  await call.printed("up\n");
  const [run] = JSON.parse(await asking(env)("runs", "--json")) as schemas.Run[];
  assert.match(await asking(env)("runs", "cancel", run?.id ?? ""), new RegExp(`^${run?.id} `));
  assert.notEqual((await call.ended).code, 0);
  const [after] = JSON.parse(await asking(env)("runs", "--json")) as schemas.Run[];
  assert.equal(after?.status, "cancelled");
  assert.equal((await cli(["runs", "cancel", "run-none"], { env })).code, 1);
});
