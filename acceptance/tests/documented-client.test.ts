import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { testPythonIn } from "../harness/pytest.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";
import { templateReady } from "../harness/template.ts";

/** The client that users of the documented API have, from its registry and as it is, with the versions of its requirements.txt. */
const dir = fileURLToPath(new URL("../clients/wrenn/", import.meta.url));
const skip = existsSync(join(dir, ".venv/bin/python"))
  ? false
  : "the documented client could not be had from its registry (see scripts/setup tests)";
/** Milliseconds for a template's first build, its packages downloaded. */
const BUILD_MS = 600_000;

/** Its documented settings. */
async function settings(): Promise<Readonly<Record<string, string>>> {
  const { host } = new URL(readState().url);
  const { key } = await newTeam();
  return { WRENN_BASE_URL: `http://${host}/api`, WRENN_API_KEY: key, WRENN_PROXY_DOMAIN: host.replace("127.0.0.1", "localhost") };
}

test("every method of the documented client, in both its faces", { skip, timeout: 600_000 }, async (t) => {
  await testPythonIn(t, { dir, env: await settings(), marks: "not code", outcomesMin: 80 });
});

test("the documented client's code runner finds its template and its kernel", { skip, timeout: BUILD_MS + 300_000 }, async (t) => {
  await templateReady("code-interpreter", BUILD_MS);
  await testPythonIn(t, { dir, env: await settings(), marks: "code", outcomesMin: 12 });
});
