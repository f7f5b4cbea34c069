import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { machineState } from "./state.ts";

const root = mkdtempSync(join(tmpdir(), "capsuled-state-"));
after(() => rmSync(root, { recursive: true }));

const handle = { capsuleId: "cl-0000000000000000000000000", pid: 1, startTime: 0, boot: "this boot" };
const onBoot = (boot: string) => machineState({ boot, hierarchies: { unified: root } }, { cgroup: "/none" }, handle);

test("a machine of an earlier boot of the host is told apart from one that ended by itself", () => {
  assert.equal(onBoot("a later boot"), "host_restarted");
  assert.equal(onBoot("this boot"), "gone");
});
