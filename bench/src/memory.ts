import { existsSync, readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { BenchContext, Row } from "./row.ts";
import { percentile } from "./row.ts";

/** What idle capsules cost, and the server beside them. */
export async function measureMemory({ server, scale }: BenchContext): Promise<readonly Row[]> {
  const count = Math.max(5, Math.ceil(50 * scale));
  const ids: string[] = [];
  const before = server.pid === null ? 0 : rssMiB(server.pid);
  try {
    for (let n = 0; n < count; n++) ids.push(await server.create({ memory_mb: 128 }));
    await sleep(1000);
    const ownMemory = ids.map((id) => pssKiB(id));
    const charged = ids.map((id) => chargedKiB(id)).filter((kib) => kib > 0);
    const rows: Row[] = [
      {
        what: "idle capsule, its processes' memory (PSS)",
        of: "capsuled",
        value: percentile(ownMemory, 0.5),
        unit: "KiB",
        note: `median of ${count}: the agent and what it keeps ready`,
      },
    ];
    if (charged.length > 0)
      rows.push({
        what: "idle capsule, charged to its cgroups",
        of: "capsuled",
        value: percentile(charged, 0.5),
        unit: "KiB",
        note: "with the kernel's own (page tables, sockets, tmpfs)",
      });
    if (server.pid !== null) {
      rows.push({ what: "server, no capsule", of: "capsuled", value: before, unit: "MiB", note: "RSS, idle since its start" });
      rows.push({ what: `server, ${count} idle capsules`, of: "capsuled", value: rssMiB(server.pid), unit: "MiB", note: "RSS" });
    }
    return rows;
  } finally {
    for (const id of ids) await server.destroy(id);
  }
}

function rssMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}

function pssKiB(id: string): number {
  let sum = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(id))
        sum += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
    } catch {
      continue; // it ended meanwhile
    }
  }
  return sum;
}

/** Both of a capsule's memory cgroups, v1 or v2. */
function chargedKiB(id: string): number {
  for (const [mount, file] of [
    ["/sys/fs/cgroup/memory", "memory.usage_in_bytes"],
    ["/sys/fs/cgroup", "memory.current"],
  ] as const) {
    const parent = `${mount}/capsuled`;
    if (!existsSync(parent)) continue;
    for (const installation of readdirSync(parent)) {
      const dir = `${parent}/${installation}/${id}`;
      if (existsSync(`${dir}/${file}`))
        return ["agent", "work"].reduce((sum, part) => sum + Number(readFileSync(`${dir}/${part}/${file}`, "utf8")) / 1024, 0);
    }
  }
  return 0;
}
