import { createServer, request as requestHttp } from "node:http";
import { readState } from "./state.ts";

export interface VersionProxy extends AsyncDisposable {
  readonly url: string;
}

/**
 * Stands before the server under test and makes it one of another version: its answers say so, and the paths of `unknown` are those that
 * it does not know.
 */
export async function versionProxy(version: string, unknown: RegExp = /^$/): Promise<VersionProxy> {
  const { hostname, port } = new URL(readState().url);
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    const sent = requestHttp(
      { hostname, port, method: request.method, headers: request.headers, path: unknown.test(path) ? "/v1" : path },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, { ...answer.headers, "capsuled-version": version });
        answer.pipe(response);
      },
    );
    sent.on("error", () => response.destroy());
    request.on("error", () => sent.destroy());
    request.pipe(sent);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy does not listen on a port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}
