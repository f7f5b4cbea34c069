import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";
import { z } from "zod";
import { property } from "./call.ts";

const PROGRAMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"] as const;
const START_MS = 60_000;

/** The browser of this host, or why a test that needs one is skipped. */
export function findBrowser(): { readonly program: string } | { readonly missing: string } {
  const program = PROGRAMS.find((path) => existsSync(path));
  return program === undefined ? { missing: "no Chromium on this host" } : { program };
}

/** A page that is open in a real browser. */
export interface Page extends AsyncDisposable {
  /** Runs JavaScript in the page and gives what it comes to, also when that is a promise. */
  evaluate(expression: string): Promise<unknown>;
}

/** Opens a page of this origin, whose host name the browser is told where to find; the page itself is served here. */
export async function openPage(program: string, origin: string, html: string): Promise<Page> {
  const pages = createServer((_, response) => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html));
  await new Promise<void>((done) => pages.listen(0, "127.0.0.1", done));
  const { port } = pages.address() as AddressInfo; // a TCP server's address is one
  const { hostname } = new URL(origin);
  return openUrl(program, `${origin}/`, [`--host-resolver-rules=MAP ${hostname} 127.0.0.1:${port}`], () => {
    pages.closeAllConnections();
    pages.close();
  });
}

/** Opens a page that is somewhere already. `closed` is called once the browser is gone. */
export async function openUrl(program: string, url: string, options: readonly string[] = [], closed: () => void = () => {}): Promise<Page> {
  const profile = mkdtempSync(join(tmpdir(), "capsuled-browser-"));
  const browser = spawn(
    program,
    [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--no-proxy-server",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
      ...options,
      `--user-data-dir=${profile}`,
      "--remote-debugging-port=0",
      "about:blank",
    ],
    { stdio: ["ignore", "ignore", "pipe"], detached: true },
  );
  const close = async (): Promise<void> => {
    const ended = browser.exitCode === null && browser.signalCode === null ? new Promise((done) => browser.once("exit", done)) : null;
    // It has processes of its own, all in the group that it leads.
    if (browser.pid !== undefined && ended !== null) process.kill(-browser.pid, "SIGKILL");
    await ended;
    closed();
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  try {
    const session = await openSession(await debuggingUrl(browser.stderr));
    await session.send("Page.enable");
    const loaded = session.event("Page.loadEventFired");
    await session.send("Page.navigate", { url });
    await loaded;
    return {
      async evaluate(expression) {
        const answer = await session.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
        const thrown = property(answer, "exceptionDetails");
        if (thrown !== undefined) throw new Error(`the page threw: ${JSON.stringify(thrown)}`);
        return property(property(answer, "result"), "value");
      },
      async [Symbol.asyncDispose]() {
        session.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function debuggingUrl(said: NodeJS.ReadableStream): Promise<string> {
  return new Promise((done, failed) => {
    let text = "";
    const timer = setTimeout(() => failed(new Error(`the browser did not start: ${text}`)), START_MS);
    said.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const url = /DevTools listening on (ws:\/\/\S+)/.exec(text)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      done(url);
    });
  });
}

/** An answer to a command of ours, or an event. */
const reply = z.object({
  id: z.number().optional(),
  method: z.string().optional(),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
});

interface Session {
  send(method: string, params?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** Resolves with the next event of that name. */
  event(name: string): Promise<void>;
  close(): void;
}

/** One tab, by the protocol of the browser's own developer tools. */
async function openSession(url: string): Promise<Session> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise((done, failed) => {
    socket.once("open", done);
    socket.once("error", failed);
  });
  let count = 0;
  const waiting = new Map<number, { readonly resolve: (value: unknown) => void; readonly reject: (error: unknown) => void }>();
  const listening = new Map<string, () => void>();
  socket.on("message", (data: Buffer) => {
    const message = reply.parse(JSON.parse(data.toString()));
    if (message.method !== undefined) listening.get(message.method)?.();
    if (message.id === undefined) return;
    const one = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error === undefined) one?.resolve(message.result);
    else one?.reject(new Error(JSON.stringify(message.error)));
  });
  socket.on("close", () => {
    for (const { reject } of waiting.values()) reject(new Error("the browser has ended"));
  });
  const raw = (method: string, params: Readonly<Record<string, unknown>>, sessionId?: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = ++count;
      waiting.set(id, { resolve, reject });
      socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    });
  const target: unknown = await raw("Target.createTarget", { url: "about:blank" });
  const attached: unknown = await raw("Target.attachToTarget", { targetId: property(target, "targetId"), flatten: true });
  const sessionId = String(property(attached, "sessionId"));
  return {
    send: (method, params = {}) => raw(method, params, sessionId),
    event: (name) => new Promise((done) => listening.set(name, done)),
    close: () => socket.terminate(),
  };
}
