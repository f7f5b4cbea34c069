import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CANNOT_RUN, createOciWorld, newCapsuleId } from "../testing/oci-world.ts";
import { networkNames } from "./names.ts";
import { cannotConnect } from "./settings.ts";

const skip = CANNOT_RUN || (cannotConnect() ?? false);
const network = { subnet: null, mtu: 0, dns: [], ipv6: "off" } as const;

test(
  "a table of the host that somebody deletes, and a bridge, are each made anew while the server runs",
  { skip, timeout: 300_000 },
  async () => {
    const first = await createOciWorld();
    try {
      const world = await first.again({ network });
      const { bridge, table } = networkNames(world.options.installationId);
      const has = (program: string, ...args: readonly string[]): boolean => spawnSync(program, args, { stdio: "ignore" }).status === 0;
      const isThere = (): boolean => has("ip", "link", "show", bridge) && has("nft", "list", "chain", "inet", table, "in");
      const id = newCapsuleId();
      const taken = await world.host.network?.take(id, "allow");
      try {
        for (const damage of [
          ["nft", "delete", "table", "inet", table],
          ["ip", "link", "del", bridge],
        ] as const) {
          assert.ok(isThere());
          execFileSync(damage[0], damage.slice(1));
          assert.ok(!isThere());
          while (!isThere()) await sleep(100);
        }
      } finally {
        taken?.close();
        world.host.network?.release(id);
        await world.driver.close();
      }
      assert.ok(!isThere());
    } finally {
      await first.close();
    }
  },
);
