import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Latencies } from "./load.ts";
import { startBareNode, startWebhook } from "./rivals.ts";
import type { BenchContext, Row } from "./row.ts";
import { percentile } from "./row.ts";
import type { BenchServer } from "./server.ts";

const LINES = "yes 'a line of output as a build prints it, 64 bytes with its newline' | head -c 67108864 > /root/lines";
const WAIT_MS = 300_000;
/** Bytes that the client of the events reads at once. */
const CLIENT_BYTES = 256 * 1024;

/** Published commands: `echo hello` beside the same by exec and by others, lines as events, and a reader that takes nothing. */
export async function measureEndpoints(context: BenchContext): Promise<readonly Row[]> {
  const { server } = context;
  const id = await server.create({ vcpus: cpus().length, memory_mb: 512 });
  try {
    return [...(await measureCalls(context, id)), ...(await measureFresh(context)), ...(await measureEvents(context, id))];
  } finally {
    for (const name of ["bench-hello", "bench-fresh", "bench-lines"]) await server.call("DELETE", `/v1/endpoints/${name}`);
    await server.destroy(id);
  }
}

async function measureCalls({ server, load, scale }: BenchContext, capsule: string): Promise<readonly Row[]> {
  const count = Math.ceil(5000 * scale);
  const path = await publish(server, "bench-hello", { command: "echo hello", capsule });
  const head = `host: ${server.host}\r\nx-api-key: ${server.key}\r\n`;
  const call = `GET ${path} HTTP/1.1\r\n${head}accept: application/json\r\n\r\n`;
  const body = JSON.stringify({ cmd: "echo", args: ["hello"] });
  const exec = `POST /v1/capsules/${capsule}/exec HTTP/1.1\r\n${head}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const both = async (address: string, request: string): Promise<readonly [Latencies, Latencies]> => [
    await load.http(address, request, 1, count),
    await load.http(address, request, 16, count * 2),
  ];
  const ours = await both(server.host, call);
  const execs = await both(server.host, exec);
  const rows = [...rowsOf("capsuled", ours)];
  rows.push({
    what: "endpoint more than exec, 1 at a time, p50",
    of: "capsuled",
    value: (ours[0].p50_us - execs[0].p50_us) / 1000,
    unit: "ms",
    note: `the same command by exec: ${(execs[0].p50_us / 1000).toFixed(2)} ms`,
  });
  const node = await startBareNode();
  try {
    rows.push(...rowsOf("bare node", await both(node.address, node.request)));
  } finally {
    node.close();
  }
  const webhook = await startWebhook();
  if (webhook === null) return rows;
  try {
    rows.push(...rowsOf("webhook", await both(webhook.address, webhook.request)));
  } finally {
    webhook.close();
  }
  return rows;
}

function rowsOf(of: Row["of"], [one, sixteen]: readonly [Latencies, Latencies]): Row[] {
  const what = "endpoint, echo hello";
  const isolation = of === "capsuled" ? "in a capsule" : "without isolation";
  return [
    { what: `${what}, 1 at a time`, of, value: one.per_second, unit: "/s", note: `${one.count} calls, ${isolation}` },
    { what: `${what}, 1 at a time, p99`, of, value: one.p99_us / 1000, unit: "ms", note: "" },
    { what: `${what}, 16 at once`, of, value: sixteen.per_second, unit: "/s", note: `${sixteen.count} calls` },
    { what: `${what}, 16 at once, p99`, of, value: sixteen.p99_us / 1000, unit: "ms", note: "" },
  ];
}

/** A call whose run has a capsule of its own, beside what that is made of: a create and the first exec in it, in turn with it. */
async function measureFresh({ server, scale }: BenchContext): Promise<readonly Row[]> {
  const rounds = Math.max(5, Math.ceil(50 * scale));
  const path = await publish(server, "bench-fresh", { command: "echo hello", async: false });
  const [calls, creations]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    const called = await server.call("GET", path, undefined, { accept: "application/json" });
    calls.push(performance.now() - began);
    if (called.status !== 200 || Reflect.get(Object(called.body), "output") !== "hello\n")
      throw new Error(`bench-fresh answered ${JSON.stringify(called)}`);
    const created = performance.now();
    const id = await server.create();
    const { status } = await server.call("POST", `/v1/capsules/${id}/exec`, { cmd: "echo", args: ["hello"] });
    creations.push(performance.now() - created);
    if (status !== 200) throw new Error(`the exec answered ${status}`);
    await server.destroy(id);
  }
  const row = (what: string, values: readonly number[], part: number, note: string): Row => ({
    what,
    of: "capsuled",
    value: percentile(values, part),
    unit: "ms",
    note,
  });
  return [
    row("endpoint with a fresh capsule, p50", calls, 0.5, `${rounds} calls, one at a time`),
    row("endpoint with a fresh capsule, p99", calls, 0.99, ""),
    row(
      "the same by hand: create → first exec's result, p50",
      creations,
      0.5,
      "in turn with the calls; the capsule is destroyed after it, untimed",
    ),
  ];
}

async function measureEvents({ server, scale }: BenchContext, capsule: string): Promise<readonly Row[]> {
  const copies = Math.max(1, Math.ceil(8 * scale));
  await server.call("POST", `/v1/capsules/${capsule}/exec`, { cmd: "sh", args: ["-c", LINES] });
  const path = await publish(server, "bench-lines", {
    shell: true,
    command: `for i in $(seq ${copies}); do cat /root/lines; done`,
    timeout: 120,
    capsule,
  });
  const rates: number[] = [];
  for (let round = 0; round < 3; round++) rates.push(await eventRate(server, path));
  const rows: Row[] = [
    {
      what: "lines as Server-Sent Events to one client",
      of: "capsuled",
      value: percentile(rates, 0.5),
      unit: "MB/s",
      note: `of what was printed; median of 3 × ${copies * 67} MB; ${rates.map((rate) => rate.toFixed(0)).join(", ")}`,
    },
  ];
  if (server.pid !== null) rows.push(await stalledReader(server, server.pid, path, copies));
  return rows;
}

/** MB of output a second, read into the same memory again and again and not looked at but for the end: the client shares the cores. */
function eventRate(server: BenchServer, path: string): Promise<number> {
  const [host = "", port] = server.host.split(":");
  return new Promise((done, failed) => {
    const began = performance.now();
    let last = "";
    const take = (count: number, memory: Uint8Array): boolean => {
      last = (last + Buffer.from(memory.subarray(Math.max(0, count - 1024), count)).toString("latin1")).slice(-1024);
      return true;
    };
    const onread = { buffer: Buffer.alloc(CLIENT_BYTES), callback: take };
    const socket = connect({ port: Number(port), host, onread }, () => {
      socket.write(`GET ${path} HTTP/1.1\r\nhost: ${server.host}\r\nx-api-key: ${server.key}\r\nconnection: close\r\n\r\n`);
    });
    socket.once("error", failed);
    socket.once("close", () => {
      const printed = /"stdout_bytes":(\d+)/.exec(last)?.[1];
      if (printed === undefined) failed(new Error(`the stream ended early: ${last}`));
      else done(Number(printed) / 1e6 / ((performance.now() - began) / 1000));
    });
  });
}

/** What the server holds more while a caller takes nothing of what its command prints. */
async function stalledReader(server: BenchServer, pid: number, path: string, copies: number): Promise<Row> {
  const [host = "", port] = server.host.split(":");
  const before = rssMiB(pid);
  let most = before;
  const socket = connect(Number(port), host, () => {
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${server.host}\r\nx-api-key: ${server.key}\r\n\r\n`);
  });
  socket.on("error", () => {});
  socket.pause();
  try {
    for (const until = performance.now() + WAIT_MS; performance.now() < until; await sleep(20)) {
      most = Math.max(most, rssMiB(pid));
      const { body } = await server.call("GET", "/v1/runs?endpoint=bench-lines&status=running");
      const items: unknown = Reflect.get(Object(body), "items");
      if (Array.isArray(items) && items.length === 0 && performance.now() > until - WAIT_MS + 2000) break;
    }
  } finally {
    socket.destroy();
  }
  return {
    what: "server, while a caller takes nothing: memory more",
    of: "capsuled",
    value: most - before,
    unit: "MiB",
    note: `RSS, at most, while ${copies * 67} MB were printed`,
  };
}

async function publish(server: BenchServer, name: string, definition: Readonly<Record<string, unknown>>): Promise<string> {
  const { status, body } = await server.call("PUT", `/v1/endpoints/${name}`, definition);
  const path: unknown = Reflect.get(Object(body), "url");
  if (status > 201 || typeof path !== "string") throw new Error(`${name} was not published: ${JSON.stringify(body)}`);
  return path;
}

function rssMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}
