import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";

export const IMAGE = "capsuled-bench:minimal";
const agent = new Agent({ keepAlive: true });

/** Closes what is kept open to the Engine. */
export function leaveEngine(): void {
  agent.destroy();
}

/** Makes an image of the built template's files, so that nothing is fetched and both sides run the same programs. */
export async function importTemplate(dataDir: string): Promise<void> {
  const templates = join(dataDir, "store/templates");
  const rootfs =
    execFileSync("find", [templates, "-maxdepth", "4", "-type", "d", "-name", "workspace"], { encoding: "utf8" }).split("\n")[0] ?? "";
  if (rootfs === "" || !existsSync(rootfs)) throw new Error(`no built template below ${templates}: ${readdirSync(templates).join(", ")}`);
  const tar = spawn("tar", ["-C", join(rootfs, ".."), "-c", "."], { stdio: ["ignore", "pipe", "inherit"] });
  const [repo, tag] = IMAGE.split(":");
  await engine("POST", `/images/create?fromSrc=-&repo=${repo}&tag=${tag}`, tar.stdout);
}

export function idOf(body: unknown): string {
  const id: unknown = Reflect.get(Object(body), "Id");
  if (typeof id !== "string") throw new Error(`the Engine gave no id: ${JSON.stringify(body)}`);
  return id;
}

/** One request to the Engine and the whole of its answer. Throws what it refuses. */
export async function engine(method: string, path: string, body?: unknown): Promise<unknown> {
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

/** Reads an answer and drops it; resolves with its bytes. Throws what the Engine refuses. */
export async function drain(path: string): Promise<number> {
  return new Promise((done, failed) => {
    const sent = request({ socketPath: "/var/run/docker.sock", agent, method: "GET", path }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => (bytes += chunk.length));
      response.once("error", failed);
      response.on("end", () =>
        (response.statusCode ?? 500) >= 300 ? failed(new Error(`GET ${path}: ${response.statusCode}`)) : done(bytes),
      );
    });
    sent.once("error", failed);
    sent.end();
  });
}
