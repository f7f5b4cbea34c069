import { randomBytes } from "node:crypto";
import assert from "node:assert/strict";
import { callResult } from "@capsuled/contract";
import type { endpoint as endpointSchema, putResult, run as runSchema, runWithOutput } from "@capsuled/contract";
import type { z } from "zod";
import { errorOf, expectCall } from "./call.ts";
import type { ErrorBody } from "./call.ts";
import { CallStream } from "./call-stream.ts";
import { readState } from "./state.ts";
import { waitUntil } from "./wait.ts";

export type Endpoint = z.output<typeof endpointSchema>;
export type PutResult = z.output<typeof putResult>;
export type Run = z.output<typeof runSchema>;
export type RunWithOutput = z.output<typeof runWithOutput>;
export type CallResult = z.output<typeof callResult>;
type Definition = Readonly<Record<string, unknown>>;

export interface EndpointCall {
  /** GET without a body, POST with one. */
  readonly method?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Bytes and texts are sent as they are, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** `null` sends none; the publisher's by default. */
  readonly key?: string | null;
  readonly prefix?: "" | "/api";
  readonly signal?: AbortSignal;
}

/** An endpoint for one test, taken away at the end of its block: `await using hello = await publish({ command: "echo hello" })`. */
export interface TestEndpoint extends AsyncDisposable {
  readonly name: string;
  /** Slug of its team. */
  readonly owner: string;
  /** Path of its call. */
  readonly path: string;
  readonly key: string;
  readonly published: Endpoint;
  /** One request, its answer unread. */
  call(options?: EndpointCall): Promise<Response>;
  /** Calls for events. */
  stream(options?: EndpointCall): Promise<CallStream>;
  /** Calls for JSON and expects a 200. */
  json(options?: EndpointCall): Promise<CallResult>;
  /** Calls and expects an error of this status. */
  refused(status: number, options?: EndpointCall): Promise<ErrorBody>;
  /** Calls and expects a 202. */
  accepted(options?: EndpointCall): Promise<string>;
  put(definition: Definition): Promise<PutResult>;
  runs(query?: Readonly<Record<string, string>>): Promise<readonly Run[]>;
}

/** A name that no other test has. */
export function someName(): string {
  return `t-${randomBytes(8).toString("hex")}`;
}

export async function publish(
  definition: Definition,
  options: { readonly key?: string; readonly name?: string } = {},
): Promise<TestEndpoint> {
  const key = options.key ?? readState().adminKey;
  const name = options.name ?? someName();
  const published = await expectCall("putEndpoint", 201, { key, params: { name }, body: definition });
  return endpointOf(published, key);
}

export function endpointOf(published: Endpoint, key: string): TestEndpoint {
  const { name, url: path } = published;
  const owner = path.split("/")[2] ?? "";
  const call: TestEndpoint["call"] = (given = {}) => request(path, { key, ...given });
  return {
    name,
    owner,
    path,
    key,
    published,
    call,
    stream: (given = {}) => streamOf(path, { key, ...given }),
    async json(given = {}) {
      const response = await call({ ...given, headers: { accept: "application/json", ...given.headers } });
      const text = await response.text();
      assert.equal(response.status, 200, text);
      return callResult.parse(JSON.parse(text));
    },
    async refused(status, given = {}) {
      const response = await call({ ...given, headers: { accept: "application/json", ...given.headers } });
      const text = await response.text();
      assert.equal(response.status, status, text);
      return errorOf(JSON.parse(text));
    },
    async accepted(given = {}) {
      const response = await call(given);
      const text = await response.text();
      assert.equal(response.status, 202, text);
      const body: unknown = JSON.parse(text);
      const id: unknown = Reflect.get(Object(body), "run_id");
      assert.ok(typeof id === "string" && response.headers.get("x-run-id") === id, text);
      return id;
    },
    put: (definition) => expectCall("putEndpoint", 200, { key, params: { name }, body: definition }),
    runs: async (query = {}) => (await expectCall("listRuns", 200, { key, query: { endpoint: name, ...query } })).items,
    async [Symbol.asyncDispose]() {
      await expectCall("deleteEndpoint", 204, { key, params: { name } });
    },
  };
}

/** Any request to the server, by path. */
export function request(path: string, options: EndpointCall = {}): Promise<Response> {
  const { url, adminKey } = readState();
  const key = options.key === undefined ? adminKey : options.key;
  const query = new URLSearchParams(options.query).toString();
  const { body } = options;
  const isRaw = typeof body === "string" || body instanceof Uint8Array || body instanceof FormData || body instanceof URLSearchParams;
  return fetch(`${url}${options.prefix ?? ""}${path}${query === "" ? "" : `${path.includes("?") ? "&" : "?"}${query}`}`, {
    method: options.method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(key === null ? {} : { "x-api-key": key }),
      ...(body === undefined || isRaw ? {} : { "content-type": "application/json" }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: isRaw ? (body as NonNullable<RequestInit["body"]>) : JSON.stringify(body) }), // one of the raw kinds above
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

/** A request whose answer is a stream of events. */
export async function streamOf(path: string, options: EndpointCall = {}): Promise<CallStream> {
  const abort = new AbortController();
  const response = await request(path, { ...options, signal: abort.signal });
  if (response.status === 200) assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  return new CallStream(response, abort);
}

export function getRun(id: string, key?: string): Promise<RunWithOutput> {
  return expectCall("getRun", 200, { ...(key === undefined ? {} : { key }), params: { id } });
}

/** Waits for a run's end. */
export function runEnded(id: string, key?: string, timeoutMs = 30_000): Promise<RunWithOutput> {
  return waitUntil(
    async () => {
      const run = await getRun(id, key);
      return run.status === "queued" || run.status === "running" ? undefined : run;
    },
    { what: `the end of ${id}`, timeoutMs, everyMs: 50 },
  );
}

/** Waits until this holds for a run, and gives it. */
export function runSeen(id: string, holds: (run: RunWithOutput) => boolean, what: string, key?: string): Promise<RunWithOutput> {
  return waitUntil(
    async () => {
      const run = await getRun(id, key);
      return holds(run) ? run : undefined;
    },
    { what: `${what} of ${id}`, timeoutMs: 30_000, everyMs: 50 },
  );
}
