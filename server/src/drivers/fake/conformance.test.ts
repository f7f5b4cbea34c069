import { createAgentLink } from "../../agent-link/link.ts";
import type { ConformanceWorld } from "../conformance/world.ts";
import { describeDriver } from "../conformance.ts";
import { createFakeDriver } from "./driver.ts";
import { FakeHost } from "./host.ts";
import type { FakeScript } from "./script.ts";

async function createWorld(script: FakeScript): Promise<ConformanceWorld> {
  const host = new FakeHost();
  const scripted = { templates: ["minimal"], ...script };
  return {
    driver: createFakeDriver({ host, script: scripted }),
    template: "minimal",
    memoryHog: { cmd: "fake-oom", args: [] },
    diskHog: { cmd: "sh", args: ["-c", "yes 99999999 > /tmp/full"] },
    connect: createAgentLink,
    restarted: async () => createFakeDriver({ host, script: scripted }),
    neighbour: async () => createFakeDriver({ host, script: scripted, installation: "neighbour" }),
    crash: async (handle) => host.crash(String(handle.data["capsule"])),
    close: async () => host.close(),
  };
}

describeDriver("fake", () => createWorld({}));
describeDriver("fake, slow to launch", () => createWorld({ latencyMs: { launch: 12, destroy: 3, openAgent: 1 } }));
describeDriver("fake, without pause", () => createWorld({ capabilities: { pause: false } }));
describeDriver("fake, without snapshots", () => createWorld({ capabilities: { snapshot: false } }));
