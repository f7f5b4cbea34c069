import type { BenchContext, Row } from "./row.ts";
import { percentile } from "./row.ts";

/** Create, first exec, pause, resume and destroy, one after the other. */
export async function measureLifecycle({ server, scale }: BenchContext): Promise<readonly Row[]> {
  const rounds = Math.max(5, Math.ceil(50 * scale));
  const took = { create: [] as number[], first: [] as number[], pause: [] as number[], resume: [] as number[], destroy: [] as number[] };
  const timed = async (into: number[], act: () => Promise<unknown>): Promise<void> => {
    const began = performance.now();
    await act();
    into.push(performance.now() - began);
  };
  const ok = async (method: string, path: string, body?: unknown): Promise<void> => {
    const answer = await server.call(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  };
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    const id = await server.create();
    took.create.push(performance.now() - began);
    await ok("POST", `/v1/capsules/${id}/exec`, { cmd: "/bin/true" });
    took.first.push(performance.now() - began);
    await timed(took.pause, () => ok("POST", `/v1/capsules/${id}/pause`));
    await timed(took.resume, () => ok("POST", `/v1/capsules/${id}/resume`, {}));
    await timed(took.destroy, () => server.destroy(id));
  }
  const row = (what: string, values: readonly number[]): readonly Row[] => [
    { what: `${what}, p50`, of: "capsuled", value: percentile(values, 0.5), unit: "ms", note: `${values.length} rounds` },
    { what: `${what}, p99`, of: "capsuled", value: percentile(values, 0.99), unit: "ms", note: "" },
  ];
  return [
    ...row("create until it runs (cold)", took.create),
    ...row("create → first exec's result (cold)", took.first),
    ...row("pause", took.pause),
    ...row("resume", took.resume),
    ...row("destroy", took.destroy),
  ];
}
