import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { BenchContext, Row } from "./row.ts";
import { percentile } from "./row.ts";
import { hasDocker } from "./server.ts";

const IMAGE = "capsuled-bench:minimal";
const agent = new Agent({ keepAlive: true });

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
  agent.destroy();
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

/** Makes an image of the built template's files, so that nothing is fetched and both sides run the same programs. */
async function importTemplate(dataDir: string): Promise<void> {
  const templates = join(dataDir, "store/templates");
  const rootfs =
    execFileSync("find", [templates, "-maxdepth", "4", "-type", "d", "-name", "workspace"], { encoding: "utf8" }).split("\n")[0] ?? "";
  if (rootfs === "" || !existsSync(rootfs)) throw new Error(`no built template below ${templates}: ${readdirSync(templates).join(", ")}`);
  const tar = spawn("tar", ["-C", join(rootfs, ".."), "-c", "."], { stdio: ["ignore", "pipe", "inherit"] });
  const [repo, tag] = IMAGE.split(":");
  await engine("POST", `/images/create?fromSrc=-&repo=${repo}&tag=${tag}`, tar.stdout);
}

function idOf(body: unknown): string {
  const id: unknown = Reflect.get(Object(body), "Id");
  if (typeof id !== "string") throw new Error(`the Engine gave no id: ${JSON.stringify(body)}`);
  return id;
}

async function engine(method: string, path: string, body?: unknown): Promise<unknown> {
  return new Promise((done, failed) => {
    const isStream = body instanceof Readable;
    const text = body === undefined || isStream ? "" : JSON.stringify(body);
    const headers = isStream
      ? { "content-type": "application/x-tar" }
      : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const sent = request({ socketPath: "/var/run/docker.sock", agent, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", failed);
      response.on("end", () => {
        const got = Buffer.concat(chunks).toString("utf8");
        if ((response.statusCode ?? 500) >= 300) failed(new Error(`${method} ${path}: ${response.statusCode} ${got}`));
        else
          done((response.headers["content-type"] ?? "").startsWith("application/json") && !isStream && got !== "" ? JSON.parse(got) : null);
      });
    });
    sent.once("error", failed);
    if (body instanceof Readable) body.pipe(sent);
    else sent.end(text);
  });
}
