import type { Duplex } from "node:stream";
import type { AgentLink, StartSpec } from "../core/ports/agent-link.ts";
import type { AgentConnection } from "./connection.ts";
import { createAgentFiles } from "./files.ts";
import { dialPort, listPorts } from "./dial.ts";
import { encodeJson, FRAME } from "./frame.ts";
import { openLog } from "./log.ts";
import { readDone, readKnown, readList, readStarted, readStats } from "./messages.ts";
import { readOutput } from "./output.ts";
import { ConnectionPool } from "./pool.ts";
import { ANSWER_MS, request } from "./request.ts";
import { runOn } from "./run.ts";
import { encodeStart } from "./start-frame.ts";
import { openStream } from "./stream.ts";

/** The server's side of the agent protocol for one capsule. `open` gives a fresh byte pipe to its agent. */
export function createAgentLink(capsuleId: string, secret: string, open: () => Promise<Duplex>): AgentLink {
  const pool = new ConnectionPool(capsuleId, secret, open);
  const ask = async <T>(type: number, value: unknown, read: (payload: Buffer) => T, waitMs = ANSWER_MS): Promise<T> => {
    const frame = encodeJson(type, value);
    return request(await pool.take(), pool, frame, { type: FRAME.result, read }, waitMs);
  };
  /** Starts a process that is attached to: over an idle connection at once. */
  const starting = <T>(spec: StartSpec, begin: (connection: AgentConnection, opening: Buffer) => Promise<T>): Promise<T> => {
    let opening: Buffer;
    try {
      opening = encodeStart(spec, true);
    } catch (error) {
      return Promise.reject(error);
    }
    const idle = pool.takeIdle();
    return idle === undefined ? pool.take().then((connection) => begin(connection, opening)) : begin(idle, opening);
  };
  return {
    files: createAgentFiles(pool),
    run: (spec, stdin, outputBytesMax, signal) =>
      starting(spec, (connection, opening) => runOn(connection, pool, opening, stdin, outputBytesMax, signal)),
    async start(spec) {
      const opening = encodeStart(spec, false);
      return request(await pool.take(), pool, opening, { type: FRAME.started, read: readStarted }, ANSWER_MS);
    },
    open: (spec) => starting(spec, (connection, opening) => openStream(connection, pool, opening)),
    async attach(selector, from) {
      return openStream(await pool.take(), pool, encodeJson(FRAME.attach, { selector, from }));
    },
    get: (selector) => ask(FRAME.get, { selector }, readKnown),
    log: (from, follow, onEntry) => openLog(pool, from, follow, onEntry),
    async output(selector, stream, from, limit) {
      return readOutput(await pool.take(), pool, { selector, stream, from, limit });
    },
    list: () => ask(FRAME.list, {}, readList),
    async dial(port) {
      return dialPort(await pool.take(), port);
    },
    async ports() {
      return listPorts(await pool.take());
    },
    stats: () => ask(FRAME.stats, {}, readStats),
    async signal(selector, signal, by) {
      await ask(FRAME.signal, { selector, signal, by }, readDone);
    },
    async touch() {
      await ask(FRAME.touch, {}, readDone);
    },
    async pause() {
      await ask(FRAME.pause, {}, readDone);
    },
    async resume() {
      await ask(FRAME.resume, {}, readDone);
    },
    async shutdown(reason, graceMs) {
      await ask(FRAME.shutdown, { reason, grace_ms: graceMs }, readDone, graceMs + ANSWER_MS);
    },
    close() {
      pool.close();
    },
  };
}
