import { readFileSync } from "node:fs";
import type { DriverStats } from "../../core/ports/driver.ts";
import { HandleGoneError } from "../../core/ports/driver.ts";
import type { OciHost } from "./host.ts";
import type { CapsulePaths } from "./layout.ts";
import { isMissing } from "../../lib/node/missing.ts";
import { oomCounter } from "./work-limits.ts";

/** What the capsule's processes use, the agent not counted. @throws HandleGoneError when the machine is gone */
export function readStats(host: Pick<OciHost, "hierarchies">, paths: Pick<CapsulePaths, "cgroup">): Omit<DriverStats, "diskBytes"> {
  const { hierarchies } = host;
  const work = (mount: string): string => `${mount}${paths.cgroup}/work`;
  const [memory, cpu, pids] = ["memory", "cpuacct", "pids"].map((controller) => hierarchies.v1Of.get(controller));
  const unified = work(hierarchies.unified);
  try {
    return {
      memoryBytes: number(memory === undefined ? `${unified}/memory.current` : `${work(memory)}/memory.usage_in_bytes`),
      memoryPeakBytes: number(memory === undefined ? `${unified}/memory.peak` : `${work(memory)}/memory.max_usage_in_bytes`),
      cpuUsageUs: cpu === undefined ? field(`${unified}/cpu.stat`, "usage_usec") : Math.floor(number(`${work(cpu)}/cpuacct.usage`) / 1000),
      pids: number(`${pids === undefined ? unified : work(pids)}/pids.current`),
      oomKills: field(oomCounter(hierarchies, paths.cgroup), "oom_kill"),
    };
  } catch (error) {
    if (isMissing(error)) throw new HandleGoneError("The capsule's cgroup is gone.", { cause: error });
    throw error;
  }
}

function number(file: string): number {
  return Number(readFileSync(file, "utf8"));
}

function field(file: string, name: string): number {
  const line = readFileSync(file, "utf8")
    .split("\n")
    .find((one) => one.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}
