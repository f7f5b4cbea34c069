import { WebSocket } from "ws";
import type { BenchContext, Row } from "./row.ts";
import { percentile } from "./row.ts";

/** From a key to its echo: a terminal in which `cat` runs, so that it is the kernel's line discipline that answers. */
export async function measureTerminal({ server, scale }: BenchContext): Promise<readonly Row[]> {
  const keys = Math.max(50, Math.ceil(2000 * scale));
  const id = await server.create();
  try {
    const socket = new WebSocket(`ws://${server.host}/v1/capsules/${id}/pty`, { headers: { "x-api-key": server.key } });
    let heard: ((type: string) => void) | null = null;
    socket.on("message", (data) => {
      const message: unknown = Buffer.isBuffer(data) ? JSON.parse(data.toString("utf8")) : null;
      heard?.(String(Reflect.get(Object(message), "type")));
    });
    const failed = new Promise<never>((_done, fail) =>
      socket.once("error", fail).once("close", () => fail(new Error("the terminal ended"))),
    );
    failed.catch(() => undefined);
    const next = (wanted: string): Promise<void> =>
      Promise.race([failed, new Promise<void>((done) => (heard = (type) => void (type === wanted && done())))]);
    await Promise.race([failed, new Promise((done) => socket.once("open", done))]);
    const started = next("started");
    socket.send(JSON.stringify({ type: "start", cmd: "cat" }));
    await started;
    const took: number[] = [];
    for (let key = 0; key < keys; key += 1) {
      // A new line before the kernel's bound on one.
      const data = Buffer.from(key % 64 === 63 ? "\r" : "a").toString("base64");
      const began = performance.now();
      const echo = next("output");
      socket.send(JSON.stringify({ type: "input", data }));
      await echo;
      took.push(performance.now() - began);
      // What `cat` says to a line comes behind its echo.
      if (key % 64 === 63) await new Promise((done) => setTimeout(done, 20));
    }
    socket.removeAllListeners("close").close();
    const counted = took.slice(Math.floor(keys / 10));
    const row = (part: number, name: string): Row => ({
      what: `terminal, key to echo, ${name}`,
      of: "capsuled",
      value: percentile(counted, part),
      unit: "ms",
      note: part === 0.5 ? `${counted.length} keys` : "",
    });
    return [row(0.5, "p50"), row(0.99, "p99")];
  } finally {
    await server.destroy(id);
  }
}
