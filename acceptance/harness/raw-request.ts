import { connect } from "node:net";
import type { Socket } from "node:net";
import { readState } from "./state.ts";

/** A bare connection to the server under test. Errors of it end it. */
export function rawConnection(): Promise<Socket> {
  const { hostname, port } = new URL(readState().url);
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: hostname }, () => {
      socket.off("error", reject);
      socket.on("error", () => {});
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

/** Sends bytes as they are and gives all that comes until the server closes the connection. */
export async function sendRaw(bytes: string): Promise<string> {
  const socket = await rawConnection();
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(bytes, "latin1");
  await closed;
  return Buffer.concat(chunks).toString("latin1");
}
