import { createAgentLink } from "../../agent-link/link.ts";
import type { CannotRun, ConformanceWorld } from "../conformance/world.ts";
import { describeDriver } from "../conformance.ts";
import { readHandle } from "./handle.ts";
import { CANNOT_RUN, createOciWorld } from "./testing/oci-world.ts";

async function createWorld(): Promise<ConformanceWorld | CannotRun> {
  if (CANNOT_RUN !== false) return { cannotRun: CANNOT_RUN };
  const world = await createOciWorld();
  const other = await createOciWorld();
  return {
    driver: world.driver,
    template: "tiny",
    memoryHog: { cmd: "sh", args: ["-c", "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"] },
    diskHog: { cmd: "dd", args: ["if=/dev/zero", "of=/tmp/full", "bs=1M", "count=128"] },
    connect: createAgentLink,
    restarted: async () => (await world.again()).driver,
    neighbour: async () => other.driver,
    crash: async (handle) => {
      process.kill(readHandle(handle).pid, "SIGKILL");
    },
    close: async () => {
      await other.close();
      await world.close();
    },
  };
}

describeDriver("oci", createWorld);
