import { request } from "node:http";
import { readState } from "./state.ts";

export interface PortRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** The host name; the port's own by default. */
  readonly host?: string;
}

export interface PortAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** The host name of a capsule's port. */
export const hostOf = (capsuleId: string, port: number): string => `${port}-${capsuleId}.localhost:${new URL(readState().url).port}`;

/** A request by host name, sent to the server whatever that name resolves to. */
export function askPort(
  capsuleId: string,
  port: number,
  { method = "GET", path = "/", headers = {}, body, host }: PortRequest = {},
): Promise<PortAnswer> {
  const { hostname, port: at } = new URL(readState().url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port: at, method, path, headers: { host: host ?? hostOf(capsuleId, port), ...headers } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks).toString() }));
      answer.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** With the admin's key. */
export const keyed = (headers: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  "x-api-key": readState().adminKey,
  ...headers,
});
