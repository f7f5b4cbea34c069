import type { BenchContext, Row } from "./row.ts";
import { percentile } from "./row.ts";

/** Bytes of the large file, and of the small one. */
export const LARGE_BYTES = 1 << 30;
const SMALL_BYTES = 4096;
const ROUNDS = 3;

/**
 * A large file in and out, and beside each, in the same minute, a copy of it through a pipe: `cat` into `cat` in the same capsule, on the
 * same disk. A small file read beside the shortest answer that the server has.
 */
export async function measureFiles({ server, load, scale }: BenchContext): Promise<readonly Row[]> {
  const bytes = Math.ceil(LARGE_BYTES * scale);
  const id = await server.create({ vcpus: 2, memory_mb: 1024, disk_mb: 4096 });
  const head = `host: ${server.host}\r\nx-api-key: ${server.key}\r\n`;
  const files = `/v1/capsules/${id}/files`;
  const put = `POST ${files}/stream/write?path=/root/file HTTP/1.1\r\n${head}content-type: application/octet-stream\r\ncontent-length: ${bytes}\r\n\r\n`;
  const get = (name: string): string => `GET ${files}/read?path=/root/${name} HTTP/1.1\r\n${head}\r\n`;
  const run = async (script: string): Promise<number> => {
    const began = performance.now();
    const { status, body } = await server.call("POST", `/v1/capsules/${id}/exec`, { cmd: "sh", args: ["-c", script] });
    if (status !== 200 || Reflect.get(Object(body), "exit_code") !== 0) throw new Error(`${script}: ${JSON.stringify(body)}`);
    return performance.now() - began;
  };
  const took = { put: [] as number[], copied: [] as number[], got: [] as number[] };
  const small: { read: number; bare: number }[] = [];
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      took.put.push((await load.upload(server.host, put, bytes)).ms);
      took.copied.push(await run("cat /root/file | cat > /root/copy"));
      const out = await load.download(server.host, get("file"));
      if (out.bytes !== bytes) throw new Error(`${out.bytes} bytes came of ${bytes}`);
      took.got.push(out.ms);
      await run("rm /root/file /root/copy");
    }
    await run(`head -c ${SMALL_BYTES} /dev/urandom > /root/small`);
    for (let round = 0; round < ROUNDS; round += 1) {
      const read = await load.http(server.host, get("small"), 1, Math.ceil(1000 * scale));
      const bare = await load.http(server.host, `GET /healthz HTTP/1.1\r\n${head}\r\n`, 1, Math.ceil(2000 * scale));
      small.push({ read: read.p50_us, bare: bare.p50_us });
    }
  } finally {
    await server.destroy(id);
  }
  const rate = (values: readonly number[]): number => bytes / 1e6 / (percentile(values, 0.5) / 1000);
  const [put50, copied50, got50] = [rate(took.put), rate(took.copied), rate(took.got)];
  const rounds = `median of ${ROUNDS} × ${Math.round(bytes / 1e6)} MB`;
  const read50 = percentile(
    small.map(({ read }) => read),
    0.5,
  );
  const bare50 = percentile(
    small.map(({ bare }) => bare),
    0.5,
  );
  return [
    { what: "file in", of: "capsuled", value: put50, unit: "MB/s", note: `${rounds}; ${(put50 / copied50).toFixed(2)} × the floor` },
    { what: "file out", of: "capsuled", value: got50, unit: "MB/s", note: `${rounds}; ${(got50 / copied50).toFixed(2)} × the floor` },
    { what: "file in, out", of: "floor", value: copied50, unit: "MB/s", note: `${rounds}; copied through a pipe in the capsule` },
    {
      what: "read of a 4 KiB file, p50",
      of: "capsuled",
      value: read50 / 1000,
      unit: "ms",
      note: `median of ${ROUNDS}; ${(read50 / bare50).toFixed(2)} × the floor`,
    },
    { what: "read of a 4 KiB file, p50", of: "floor", value: bare50 / 1000, unit: "ms", note: "GET /healthz" },
  ];
}
