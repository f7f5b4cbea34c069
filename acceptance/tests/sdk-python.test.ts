import { test } from "node:test";
import { testPython } from "../harness/pytest.ts";
import { readState } from "../harness/state.ts";

test("the Python SDK against the real server", { timeout: 600_000 }, async (t) => {
  const { url, adminKey } = readState();
  await testPython(t, "server", { CAPSULED_URL: url, CAPSULED_API_KEY: adminKey });
});
