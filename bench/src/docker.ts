import { engine, idOf, IMAGE, importTemplate, leaveEngine } from "./docker-engine.ts";
import type { BenchContext, Row } from "./row.ts";
import { percentile } from "./row.ts";
import { hasDocker } from "./server.ts";

/** The same work through a Docker Engine's API, where one answers: exec, create and start, pause and unpause. */
export async function measureDocker({ server, scale }: BenchContext): Promise<readonly Row[]> {
  if (!hasDocker()) {
    console.error("no Docker Engine answers on /var/run/docker.sock: its side is left out");
    return [];
  }
  const rounds = Math.max(5, Math.ceil(30 * scale));
  await importTemplate(server.dataDir);
  const took = { create: [] as number[], exec: [] as number[], pause: [] as number[], unpause: [] as number[] };
  const timed = async <T>(into: number[], act: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const result = await act();
    into.push(performance.now() - began);
    return result;
  };
  for (let round = 0; round < rounds; round++) {
    const id = await timed(took.create, async () => {
      const created = idOf(
        await engine("POST", "/containers/create", {
          Image: IMAGE,
          Cmd: ["sleep", "infinity"],
          HostConfig: { NetworkMode: "none", Memory: 512 << 20, NanoCpus: 1e9 },
        }),
      );
      await engine("POST", `/containers/${created}/start`);
      return created;
    });
    try {
      for (let n = 0; n < 3; n++) {
        await timed(took.exec, async () => {
          const exec = idOf(await engine("POST", `/containers/${id}/exec`, { Cmd: ["/bin/true"], AttachStdout: true, AttachStderr: true }));
          await engine("POST", `/exec/${exec}/start`, { Detach: false, Tty: false });
          await engine("GET", `/exec/${exec}/json`);
        });
      }
      await timed(took.pause, () => engine("POST", `/containers/${id}/pause`));
      await timed(took.unpause, () => engine("POST", `/containers/${id}/unpause`));
    } finally {
      await engine("DELETE", `/containers/${id}?force=1`);
    }
  }
  leaveEngine();
  const row = (what: string, values: readonly number[]): Row => ({
    what,
    of: "docker",
    value: percentile(values, 0.5),
    unit: "ms",
    note: `${values.length} rounds`,
  });
  return [
    row("exec, 1 at a time, p50", took.exec),
    row("create until it runs (create + start), p50", took.create),
    row("pause, p50", took.pause),
    row("resume (unpause), p50", took.unpause),
  ];
}
