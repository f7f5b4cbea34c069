import assert from "node:assert/strict";
import { test } from "node:test";
import { CPUS } from "../../scripts/pack/agent.ts";
import { serverFields } from "../../scripts/pack/server.ts";
import { manifestOf, ROOT } from "../../scripts/pack/staging.ts";
import { binariesPackage } from "./installed-files.ts";

test("the server's package asks for the binaries of each architecture that it runs on, by the names under which it looks for them", () => {
  const { version } = manifestOf(`${ROOT}server`);
  const { os, cpu, optionalDependencies } = serverFields();
  assert.deepEqual([os, cpu], [["linux"], [...CPUS]]);
  assert.deepEqual(optionalDependencies, Object.fromEntries(CPUS.map((one) => [binariesPackage({ os: "linux", cpu: one }), version])));
});
