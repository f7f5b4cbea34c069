import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What a load run reports; latencies in microseconds. */
export interface Latencies {
  readonly count: number;
  readonly p50_us: number;
  readonly p99_us: number;
  readonly per_second: number;
}

export interface StreamRun {
  readonly ms: number;
  readonly first_output_us: number;
  readonly frames: number;
  readonly wire_bytes: number;
  readonly last: unknown;
}

/** One file in or out. */
export interface Transfer {
  readonly bytes: number;
  readonly ms: number;
}

/** The Rust load process, built for this run. */
export interface Load {
  spawn(program: string, threads: number, count: number): Promise<Latencies>;
  http(address: string, request: string, connections: number, count: number): Promise<Latencies>;
  /** Sends the head of a request and so many bytes behind it. */
  upload(address: string, head: string, bytes: number): Promise<Transfer>;
  download(address: string, request: string): Promise<Transfer>;
  stream(address: string, handshake: string, message: string): Promise<StreamRun>;
}

export function buildLoad(root: string): Load {
  const out = join(root, "target/bench");
  mkdirSync(out, { recursive: true });
  const binary = join(out, "load");
  execFileSync("rustc", ["--edition", "2021", "-O", join(root, "bench/load/main.rs"), "-o", binary], { stdio: "inherit" });
  const json = async (...args: readonly string[]): Promise<unknown> => JSON.parse((await run(binary, args, { maxBuffer: 1 << 20 })).stdout);
  return {
    spawn: async (program, threads, count) => latencies(await json("spawn", program, String(threads), String(count))),
    http: async (address, request, connections, count) =>
      withFile(request, async (file) => latencies(await json("http", address, file, String(connections), String(count)))),
    upload: async (address, head, bytes) => withFile(head, async (file) => transfer(await json("upload", address, file, String(bytes)))),
    download: async (address, request) => withFile(request, async (file) => transfer(await json("download", address, file))),
    stream: async (address, handshake, message) =>
      withFile(handshake, async (file) => streamRun(await json("stream", address, file, message))),
  };
}

async function withFile<T>(text: string, use: (file: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-bench-"));
  try {
    const file = join(dir, "request");
    writeFileSync(file, text, { mode: 0o600 });
    return await use(file);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function numberOf(value: unknown, name: string): number {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  if (typeof found !== "number") throw new Error(`the load process reported no ${name}: ${JSON.stringify(value)}`);
  return found;
}

function latencies(value: unknown): Latencies {
  return {
    count: numberOf(value, "count"),
    p50_us: numberOf(value, "p50_us"),
    p99_us: numberOf(value, "p99_us"),
    per_second: numberOf(value, "per_second"),
  };
}

function transfer(value: unknown): Transfer {
  return { bytes: numberOf(value, "bytes"), ms: numberOf(value, "ms") };
}

function streamRun(value: unknown): StreamRun {
  const last: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "last") : undefined;
  return {
    ms: numberOf(value, "ms"),
    first_output_us: numberOf(value, "first_output_us"),
    frames: numberOf(value, "frames"),
    wire_bytes: numberOf(value, "wire_bytes"),
    last,
  };
}
