import type { BenchContext, Row } from "./row.ts";
import { percentile } from "./row.ts";

/** Forks of one fork call: one, and as many as boot at once. */
const COUNTS = [1, 8] as const;

/** Forks of an idle capsule until they run, beside a create in the same minute: what a fork adds to that is the copy of the disk. */
export async function measureForks({ server, scale }: BenchContext): Promise<readonly Row[]> {
  const source = await server.create();
  const created: number[] = [];
  const forked = new Map<number, number[]>(COUNTS.map((count) => [count, []]));
  try {
    for (let round = 0; round < Math.max(3, Math.ceil(20 * scale)); round += 1) {
      for (const count of COUNTS) {
        const began = performance.now();
        const { status, body } = await server.call("POST", `/v1/capsules/${source}/fork`, { count, wait_ms: 30_000 });
        forked.get(count)?.push((performance.now() - began) / count);
        if (status !== 201) throw new Error(`no forks: ${JSON.stringify(body)}`);
        for (const id of runningIn(body, count)) await server.destroy(id);
      }
      const began = performance.now();
      const id = await server.create();
      created.push(performance.now() - began);
      await server.destroy(id);
    }
  } finally {
    await server.destroy(source);
  }
  return COUNTS.map((count): Row => {
    const values = forked.get(count) ?? [];
    const note = `${values.length} rounds; a create beside them ${percentile(created, 0.5).toFixed(1)} ms`;
    return { what: `fork until it runs, ${count} at once, each, p50`, of: "capsuled", value: percentile(values, 0.5), unit: "ms", note };
  });
}

function runningIn(body: unknown, count: number): readonly string[] {
  const capsules: unknown = Reflect.get(Object(body), "capsules");
  const ids = (Array.isArray(capsules) ? capsules : []).flatMap((one: unknown) => {
    const id: unknown = Reflect.get(Object(one), "id");
    return typeof id === "string" && Reflect.get(Object(one), "status") === "running" ? [id] : [];
  });
  if (ids.length !== count) throw new Error(`not all forks run: ${JSON.stringify(body)}`);
  return ids;
}
