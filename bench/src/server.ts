import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface BenchServer {
  readonly host: string;
  readonly key: string;
  /** `null` when it was not started here. */
  readonly pid: number | null;
  readonly dataDir: string;
  call(
    method: string,
    path: string,
    body?: unknown,
    more?: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly body: unknown }>;
  /** Creates a capsule and waits until it runs. */
  create(body?: Readonly<Record<string, unknown>>): Promise<string>;
  destroy(id: string): Promise<void>;
  close(): Promise<void>;
}

interface OpenOptions {
  readonly root: string;
  readonly url: string | null;
  readonly key: string | null;
  readonly dataDir: string;
}

/** The server that is measured: one that runs already, or a new one on a data directory of the bench's own. */
export async function openServer(options: OpenOptions): Promise<BenchServer> {
  if (options.url !== null) {
    if (options.key === null) throw new Error("--url needs --key");
    return client(options.url, options.key, null, options.dataDir, async () => {});
  }
  const child = spawn(process.execPath, ["--use-largepages=silent", join(options.root, "server/src/main.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      CAPSULED_PORT: "0",
      CAPSULED_DATA_DIR: options.dataDir,
      CAPSULED_TEMPLATES: "minimal",
      CAPSULED_LOG_LEVEL: "warn",
    },
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (text.includes("%")) process.stderr.write(text);
  });
  let url: string | undefined;
  while (url === undefined) {
    if (child.exitCode !== null || child.pid === undefined) throw new Error(`the server did not start:\n${said}`);
    await sleep(50);
    url = /listening on (http:\/\/\S+)/.exec(said)?.[1];
  }
  const key = readFileSync(join(options.dataDir, "admin-key"), "utf8").trim();
  return client(url, key, child.pid ?? null, options.dataDir, async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null) await new Promise((done) => child.once("exit", done));
  });
}

function client(url: string, key: string, pid: number | null, dataDir: string, close: () => Promise<void>): BenchServer {
  const { host } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const call: BenchServer["call"] = (method, path, body, more = {}) =>
    new Promise((done, failed) => {
      const text = body === undefined ? "" : JSON.stringify(body);
      const headers = {
        "x-api-key": key,
        ...more,
        ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
      };
      const sent = request(`${url}${path}`, { method, agent, headers }, (response) => {
        let got = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (got += chunk));
        response.on("end", () => done({ status: response.statusCode ?? 0, body: got === "" ? null : JSON.parse(got) }));
      });
      sent.once("error", failed);
      sent.end(text);
    });
  return {
    host,
    key,
    pid,
    dataDir,
    call,
    async create(body = {}) {
      const answer = await call("POST", "/v1/capsules", { wait_ms: 30_000, ...body });
      const id: unknown = Reflect.get(Object(answer.body), "id");
      if (answer.status !== 201 || typeof id !== "string" || Reflect.get(Object(answer.body), "status") !== "running")
        throw new Error(`no capsule: ${JSON.stringify(answer)}`);
      return id;
    },
    async destroy(id) {
      const { status } = await call("DELETE", `/v1/capsules/${id}`);
      if (status !== 204) throw new Error(`${id} was not destroyed: ${status}`);
    },
    async close() {
      agent.destroy();
      await close();
    },
  };
}

/** Whether a unix socket of a Docker Engine is there. */
export function hasDocker(): boolean {
  return existsSync("/var/run/docker.sock");
}
