import type { Duplex } from "node:stream";
import type { AgentLink } from "../core/ports/agent-link.ts";
import { encodeJson, FRAME } from "./frame.ts";
import { readList, readStarted, readStats } from "./messages.ts";
import { ConnectionPool } from "./pool.ts";
import { ANSWER_MS, request } from "./request.ts";
import { runOn } from "./run.ts";
import { encodeStart } from "./start-frame.ts";
import { openStream } from "./stream.ts";

/** The server's side of the agent protocol for one capsule. `open` gives a fresh byte pipe to its agent. */
export function createAgentLink(capsuleId: string, secret: string, open: () => Promise<Duplex>): AgentLink {
  const pool = new ConnectionPool(capsuleId, secret, open);
  const ask = async (type: number, value: unknown, waitMs = ANSWER_MS): Promise<Buffer> =>
    request(await pool.take(), pool, encodeJson(type, value), FRAME.result, waitMs);
  return {
    run(spec, stdin, outputBytesMax, signal) {
      const idle = pool.takeIdle();
      if (idle !== undefined) return runOn(idle, pool, spec, stdin, outputBytesMax, signal);
      return pool.take().then((connection) => runOn(connection, pool, spec, stdin, outputBytesMax, signal));
    },
    async start(spec) {
      return readStarted(await request(await pool.take(), pool, encodeStart(spec, false), FRAME.started, ANSWER_MS));
    },
    async open(spec) {
      return openStream(await pool.take(), pool, encodeStart(spec, true));
    },
    async attach(selector, from) {
      return openStream(await pool.take(), pool, encodeJson(FRAME.attach, { selector, from }));
    },
    async list() {
      return readList(await ask(FRAME.list, {}));
    },
    async signal(selector, signal, by) {
      await ask(FRAME.signal, { selector, signal, by });
    },
    async stats() {
      return readStats(await ask(FRAME.stats, {}));
    },
    async touch() {
      await ask(FRAME.touch, {});
    },
    async pause() {
      await ask(FRAME.pause, {});
    },
    async resume() {
      await ask(FRAME.resume, {});
    },
    async shutdown(reason, graceMs) {
      await ask(FRAME.shutdown, { reason, grace_ms: graceMs }, graceMs + ANSWER_MS);
    },
    close() {
      pool.close();
    },
  };
}
