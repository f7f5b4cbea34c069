import { cpus } from "node:os";
import type { BenchContext, Row } from "./row.ts";

/** Exec of /bin/true over HTTP, one and sixteen at once, beside a bare spawn of the same program. */
export async function measureExec({ server, load, scale }: BenchContext): Promise<readonly Row[]> {
  const count = Math.ceil(10_000 * scale);
  const id = await server.create({ vcpus: cpus().length });
  try {
    const body = JSON.stringify({ cmd: "/bin/true" });
    const request = `POST /v1/capsules/${id}/exec HTTP/1.1\r\nhost: ${server.host}\r\nx-api-key: ${server.key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const floorOne = await load.spawn("/bin/true", 1, count);
    const one = await load.http(server.host, request, 1, count);
    const floorAll = await load.spawn("/bin/true", cpus().length, count);
    const sixteen = await load.http(server.host, request, 16, count * 2);
    return [
      {
        what: "exec, 1 at a time, p50",
        of: "capsuled",
        value: one.p50_us / 1000,
        unit: "ms",
        note: `${one.count} execs; ${(one.p50_us / floorOne.p50_us).toFixed(2)} × the floor`,
      },
      { what: "exec, 1 at a time, p50", of: "floor", value: floorOne.p50_us / 1000, unit: "ms", note: `${floorOne.count} spawns` },
      { what: "exec, 1 at a time, p99", of: "capsuled", value: one.p99_us / 1000, unit: "ms", note: "" },
      { what: "exec, 1 at a time, p99", of: "floor", value: floorOne.p99_us / 1000, unit: "ms", note: "" },
      { what: "exec, 16 at once, p50", of: "capsuled", value: sixteen.p50_us / 1000, unit: "ms", note: `${sixteen.count} execs` },
      { what: "exec, 16 at once, p99", of: "capsuled", value: sixteen.p99_us / 1000, unit: "ms", note: "" },
      { what: "execs per second, 16 at once", of: "capsuled", value: sixteen.per_second, unit: "/s", note: "" },
      {
        what: "execs per second, a thread a core",
        of: "floor",
        value: floorAll.per_second,
        unit: "/s",
        note: "all cores spawn, nothing else runs",
      },
    ];
  } finally {
    await server.destroy(id);
  }
}
