import type { BenchContext, Row } from "./row.ts";
import { percentile } from "./row.ts";

/** Lines as text to one WebSocket client, as fast as they come. Counted is what the process printed, not what JSON made of it. */
export async function measureStream({ server, load, scale }: BenchContext): Promise<readonly Row[]> {
  const megabytes = Math.max(16, Math.ceil(512 * scale));
  const id = await server.create({ vcpus: 2, memory_mb: 512 });
  try {
    await server.call("POST", `/v1/capsules/${id}/exec`, {
      cmd: "sh",
      args: ["-c", "yes 'a line of output as a build prints it, 64 bytes with its newline' | head -c 67108864 > /root/lines"],
    });
    const program = `for i in $(seq ${Math.ceil(megabytes / 64)}); do cat /root/lines; done`;
    const handshake = `GET /v1/capsules/${id}/exec/stream HTTP/1.1\r\nhost: ${server.host}\r\nx-api-key: ${server.key}\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n`;
    const rates: number[] = [];
    for (let round = 0; round < 3; round++) {
      const run = await load.stream(server.host, handshake, JSON.stringify({ type: "start", cmd: "sh", args: ["-c", program] }));
      const bytes: unknown = Reflect.get(Object(run.last), "stdout_bytes");
      if (typeof bytes !== "number" || bytes < megabytes * 1_000_000) throw new Error(`the stream ended early: ${JSON.stringify(run)}`);
      rates.push(bytes / 1e6 / (run.ms / 1000));
    }
    const first: number[] = [];
    for (let round = 0; round < 20; round++)
      first.push(
        (await load.stream(server.host, handshake, JSON.stringify({ type: "start", cmd: "echo", args: ["hello"] }))).first_output_us / 1000,
      );
    return [
      {
        what: "stream to one WebSocket client",
        of: "capsuled",
        value: percentile(rates, 0.5),
        unit: "MB/s",
        note: `median of 3 × ${megabytes} MB of lines as text; ${rates.map((rate) => rate.toFixed(0)).join(", ")}`,
      },
      { what: "stream, start → first output", of: "capsuled", value: percentile(first, 0.5), unit: "ms", note: "20 rounds" },
    ];
  } finally {
    await server.destroy(id);
  }
}
