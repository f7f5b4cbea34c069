import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { WebSocket } from "ws";
import { z } from "zod";
import { askPort, hostOf, keyed } from "./port-request.ts";
import { readState } from "./state.ts";

const PORT = 8888;
/** Milliseconds between two looks for a server that is not up yet. */
const LOOK_MS = 500;
const kernels = z.array(z.object({ id: z.string() }));
const header = z.object({ msg_type: z.string().optional(), msg_id: z.string().optional() });
const message = z.object({
  msg_type: z.string().optional(),
  header,
  parent_header: header,
  content: z.object({
    name: z.string().optional(),
    text: z.string().optional(),
    data: z.record(z.string(), z.unknown()).optional(),
    ename: z.string().optional(),
    evalue: z.string().optional(),
    execution_state: z.string().optional(),
  }),
});

/** What a cell came to. */
export interface Execution {
  /** Of the last expression, as plain text without quotes. */
  readonly text: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** MIME types of everything that was displayed, in order. */
  readonly displayed: readonly string[];
  readonly error: { readonly name: string; readonly value: string } | null;
}

/** Runs code in a capsule's Jupyter server as the documented client does: through the port's host name, with the API key in a header. */
export class CodeInterpreter {
  readonly #capsuleId: string;
  #kernel: string | null = null;
  /** Statuses that were answered while the server was not up. */
  readonly waited: number[] = [];

  constructor(capsuleId: string) {
    this.#capsuleId = capsuleId;
  }

  /** The first kernel there is, or a new one. Only a 5xx is waited out; any 4xx is final. */
  async kernel(timeoutMs = 120_000): Promise<string> {
    if (this.#kernel !== null) return this.#kernel;
    for (const deadline = Date.now() + timeoutMs; ; await pause(LOOK_MS)) {
      const listed = await askPort(this.#capsuleId, PORT, { path: "/api/kernels", headers: keyed() });
      if (listed.status < 400) return (this.#kernel = kernels.parse(JSON.parse(listed.body))[0]?.id ?? (await this.#newKernel()));
      if (listed.status < 500) throw new Error(`/api/kernels answered ${listed.status}: ${listed.body}`);
      this.waited.push(listed.status);
      if (Date.now() > deadline) throw new Error(`no Jupyter server within ${timeoutMs} ms`);
    }
  }

  async #newKernel(): Promise<string> {
    const made = await askPort(this.#capsuleId, PORT, { method: "POST", path: "/api/kernels", headers: keyed() });
    if (made.status >= 400) throw new Error(`POST /api/kernels answered ${made.status}: ${made.body}`);
    return z.object({ id: z.string() }).parse(JSON.parse(made.body)).id;
  }

  /** A new WebSocket for each run, one frame with an `execute_request`, and messages until the kernel is idle again. */
  async runCode(code: string): Promise<Execution> {
    const kernel = await this.kernel();
    const host = hostOf(this.#capsuleId, PORT);
    const socket = new WebSocket(`${readState().url.replace("http", "ws")}/api/kernels/${kernel}/channels`, { headers: keyed({ host }) });
    const result = Promise.withResolvers<Execution>();
    const id = randomUUID();
    const collected = { text: null as string | null, stdout: "", stderr: "", displayed: [] as string[], error: null as Execution["error"] };
    socket.on("error", result.reject);
    socket.on("close", (closeCode) => result.reject(new Error(`the socket closed with ${closeCode} before the kernel was idle`)));
    socket.on("message", (data, isBinary) => {
      if (isBinary || !Buffer.isBuffer(data)) return;
      const parsed = message.safeParse(JSON.parse(data.toString()));
      if (!parsed.success || parsed.data.parent_header.msg_id !== id) return;
      const { content } = parsed.data;
      switch (parsed.data.msg_type ?? parsed.data.header.msg_type ?? "") {
        case "stream":
          collected[content.name === "stderr" ? "stderr" : "stdout"] += content.text ?? "";
          return;
        case "execute_result":
        case "display_data":
          collected.displayed.push(...Object.keys(content.data ?? {}));
          if (typeof content.data?.["text/plain"] === "string") collected.text = content.data["text/plain"].replace(/^'(.*)'$/s, "$1");
          return;
        case "error":
          collected.error = { name: content.ename ?? "", value: content.evalue ?? "" };
          return;
        case "status":
          if (content.execution_state === "idle") result.resolve(collected);
      }
    });
    await once(socket, "open");
    socket.send(JSON.stringify(executeRequest(id, code)));
    try {
      return await result.promise;
    } finally {
      socket.removeAllListeners("close");
      socket.terminate();
    }
  }
}

function executeRequest(id: string, code: string): unknown {
  return {
    header: {
      msg_id: id,
      msg_type: "execute_request",
      username: "wrenn-sdk",
      session: randomUUID(),
      date: new Date().toISOString(),
      version: "5.3",
    },
    parent_header: {},
    metadata: {},
    content: { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false, stop_on_error: true },
    buffers: [],
    channel: "shell",
  };
}
