import { createConnection } from "node:net";
import type { Socket } from "node:net";
import { setTimeout as after } from "node:timers/promises";
import { HandleGoneError } from "../../core/ports/driver.ts";
import { OCI_LIMITS } from "./options.ts";
import { codeOf } from "../../lib/error-code.ts";

/** Milliseconds between two tries while the backlog is full. */
const RETRY_MS = 5;

/** Connects to the agent's socket. @throws HandleGoneError when nobody listens, or the agent's backlog stays full */
export async function openAgentSocket(path: string): Promise<Socket> {
  const until = performance.now() + OCI_LIMITS.connectMs;
  for (;;) {
    try {
      return await connect(path, until);
    } catch (cause) {
      // Where the backlog of a Unix socket is full, the kernel refuses at once instead of letting the caller wait.
      const isFull = codeOf(cause) === "EAGAIN";
      if (!isFull || performance.now() + RETRY_MS > until) {
        throw new HandleGoneError("Nobody listens on the agent's socket.", { cause });
      }
    }
    await after(RETRY_MS);
  }
}

function connect(path: string, until: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path, allowHalfOpen: false });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`no connection within ${OCI_LIMITS.connectMs} ms`)), until - performance.now());
    socket.once("error", fail);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", fail);
      resolve(socket);
    });
  });
}
