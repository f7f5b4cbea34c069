import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { machineState } from "./state.ts";

const root = mkdtempSync(join(tmpdir(), "capsuled-state-"));
after(() => rmSync(root, { recursive: true }));

const handle = { capsuleId: "cl-0000000000000000000000000", pid: 1, startTime: 0, boot: "this boot" };
const place = (boot: string): Parameters<typeof machineState> => {
  const found = { boot, hierarchies: { unified: root } };
  // Only what the question needs of a host and of a capsule's paths.
  return [found, { cgroup: "/none" }, handle] as unknown as Parameters<typeof machineState>;
};

test("a machine of an earlier boot of the host is told apart from one that ended by itself", () => {
  assert.equal(machineState(...place("a later boot")), "host_restarted");
  assert.equal(machineState(...place("this boot")), "gone");
});
