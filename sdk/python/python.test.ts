import { test } from "node:test";
import { testPython } from "../../acceptance/harness/pytest.ts";

test("the Python SDK without a server", { timeout: 300_000 }, async (t) => {
  await testPython(t, "not server", {});
});
