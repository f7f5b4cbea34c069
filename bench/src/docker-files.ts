import { Readable } from "node:stream";
import { randomBytes } from "node:crypto";
import { drain, engine, idOf, IMAGE, importTemplate, leaveEngine } from "./docker-engine.ts";
import { LARGE_BYTES } from "./files.ts";
import type { BenchContext, Row } from "./row.ts";
import { percentile } from "./row.ts";
import { hasDocker } from "./server.ts";

const PIECE = randomBytes(256 * 1024);
const BLOCK = 512;
const ROUNDS = 3;

/** A file in and out by the Engine's archive API, which takes and gives a tar stream. */
export async function measureDockerFiles({ server, scale }: BenchContext): Promise<readonly Row[]> {
  if (!hasDocker()) return [];
  await importTemplate(server.dataDir);
  const bytes = Math.ceil((LARGE_BYTES * scale) / PIECE.length) * PIECE.length;
  const id = idOf(
    await engine("POST", "/containers/create", { Image: IMAGE, Cmd: ["sleep", "infinity"], HostConfig: { NetworkMode: "none" } }),
  );
  const took = { put: [] as number[], got: [] as number[] };
  try {
    await engine("POST", `/containers/${id}/start`);
    for (let round = 0; round < ROUNDS; round += 1) {
      const began = performance.now();
      await engine("PUT", `/containers/${id}/archive?path=/root`, Readable.from(archive("file", bytes), { objectMode: false }));
      const between = performance.now();
      const came = await drain(`/containers/${id}/archive?path=/root/file`);
      if (came < bytes) throw new Error(`${came} bytes came of ${bytes}`);
      took.put.push(between - began);
      took.got.push(performance.now() - between);
    }
  } finally {
    await engine("DELETE", `/containers/${id}?force=1`);
    leaveEngine();
  }
  const row = (what: string, values: readonly number[]): Row => {
    const value = bytes / 1e6 / (percentile(values, 0.5) / 1000);
    return { what, of: "docker", value, unit: "MB/s", note: `median of ${ROUNDS}; archive API, one Node client` };
  };
  return [row("file in", took.put), row("file out", took.got)];
}

/** A tar stream of one file. */
function* archive(name: string, bytes: number): Generator<Buffer> {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0);
  header.write("0000644\0" + "0000000\0".repeat(2), 100);
  header.write(`${bytes.toString(8).padStart(11, "0")}\0${"0".repeat(11)}\0${" ".repeat(8)}0`, 124);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  yield header;
  for (let left = bytes; left > 0; left -= PIECE.length) yield PIECE;
  yield Buffer.alloc(2 * BLOCK);
}
