import { createConnection } from "node:net";
import type { Socket } from "node:net";
import { HandleGoneError } from "../../core/ports/driver.ts";
import { OCI_LIMITS } from "./options.ts";

/** Connects to the agent's socket. @throws HandleGoneError when nobody listens, or the agent's backlog stays full */
export function openAgentSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path, allowHalfOpen: false });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new HandleGoneError("Nobody listens on the agent's socket.", { cause: error }));
    };
    const timer = setTimeout(() => fail(new Error(`no connection within ${OCI_LIMITS.connectMs} ms`)), OCI_LIMITS.connectMs);
    socket.once("error", fail);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", fail);
      resolve(socket);
    });
  });
}
