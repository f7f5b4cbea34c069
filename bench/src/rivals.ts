import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** Another server that runs `echo hello` for each request. */
export interface Rival {
  readonly address: string;
  readonly request: string;
  close(): void;
}

/** Debian's `webhook`, where it is installed. */
export async function startWebhook(): Promise<Rival | null> {
  const program = (process.env["PATH"] ?? "")
    .split(":")
    .map((dir) => join(dir, "webhook"))
    .find((path) => existsSync(path));
  if (program === undefined) return null;
  const dir = mkdtempSync(join(tmpdir(), "capsuled-bench-"));
  const hooks = [{ id: "echo", "execute-command": "/bin/echo", "pass-arguments-to-command": [{ source: "string", name: "hello" }] }];
  const file = join(dir, "hooks.json");
  writeFileSync(file, JSON.stringify(hooks.map((hook) => ({ ...hook, "include-command-output-in-response": true }))));
  const port = await freePort();
  const child = spawn(program, ["-hooks", file, "-ip", "127.0.0.1", "-port", `${port}`, "-nopanic"], { stdio: "ignore" });
  await answering(port);
  return {
    address: `127.0.0.1:${port}`,
    request: "GET /hooks/echo HTTP/1.1\r\nhost: bench\r\n\r\n",
    close() {
      child.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A bare Node server over `child_process`. */
export async function startBareNode(): Promise<Rival> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("bare-node.ts", import.meta.url))], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = await new Promise<string>((done) => child.stdout.setEncoding("utf8").once("data", done));
  const port: unknown = Reflect.get(Object(JSON.parse(said)), "port");
  return { address: `127.0.0.1:${String(port)}`, request: "GET / HTTP/1.1\r\nhost: bench\r\n\r\n", close: () => void child.kill() };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function answering(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const isUp = await new Promise<boolean>((done) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        done(true);
      });
      socket.once("error", () => done(false));
    });
    if (isUp) return;
    await sleep(50);
  }
  throw new Error(`nothing answers at ${port}`);
}
