import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import { readState } from "./state.ts";

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string;
  /** Connections that were cut. */
  readonly cuts: number;
  /** Ends all that are open, so that what comes next comes by a connection of its own. */
  endAll(): void;
}

/**
 * Stands before the server under test and cuts connections. `after` says, for each connection by its number from 1, after how many bytes
 * of the answer, `afterSent` after how many of what is sent; `null` lets it be.
 */
export async function cuttingProxy(
  after: (connection: number) => number | null,
  afterSent: (connection: number) => number | null = () => null,
): Promise<CuttingProxy> {
  const { hostname, port } = new URL(readState().url);
  const open = new Set<Socket>();
  let connections = 0;
  let cuts = 0;
  const server = createServer((client) => {
    const limit = after((connections += 1));
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const sentLimit = afterSent(connections);
    if (sentLimit === null) client.pipe(upstream);
    else passUntil(client, upstream, sentLimit, () => (cuts += 1));
    let passed = 0;
    upstream.on("data", (chunk) => {
      if (limit === null || passed + chunk.length < limit) {
        passed += chunk.length;
        if (!client.write(chunk)) {
          upstream.pause();
          client.once("drain", () => upstream.resume());
        }
        return;
      }
      cuts += 1;
      upstream.removeAllListeners("data");
      // What is within the bound arrives; then the connection is reset.
      client.write(chunk.subarray(0, limit - passed), () => client.resetAndDestroy());
      upstream.destroy();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy does not listen on a port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    get cuts() {
      return cuts;
    },
    endAll() {
      for (const socket of open) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

/** Passes so many bytes on, at the reader's pace, and then resets both connections. */
function passUntil(from: Socket, to: Socket, limit: number, cut: () => void): void {
  let left = limit;
  from.on("data", (chunk) => {
    if (chunk.length < left) {
      left -= chunk.length;
      if (to.write(chunk)) return;
      from.pause();
      to.once("drain", () => from.resume());
      return;
    }
    cut();
    from.removeAllListeners("data");
    to.write(chunk.subarray(0, left), () => to.resetAndDestroy());
    from.resetAndDestroy();
  });
  from.on("end", () => to.end());
}
