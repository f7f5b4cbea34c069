import type { OperationId } from "../contract/operations.ts";
import { OPERATIONS } from "../contract/operations.ts";
import { CapsuledError, RequestTimeoutError } from "../errors.ts";
import type { Settings } from "../settings.ts";
import { limitOf } from "../settings.ts";
import { foreign, isOurs, parsed, problemOf } from "./answer.ts";
import { randomHex } from "./bytes.ts";
import type { SentBody } from "./encode.ts";
import { bodyOf, pathPart, requireSendable } from "./encode.ts";
import { connectionFailure } from "./failure.ts";
import type { NamesOf } from "./options.ts";
import { requireKnown } from "./options.ts";
import { isConnectionTrouble, leavesOpen, Retry } from "./retry.ts";
import { differSaying, isIncompatible, versionOf } from "./server-version.ts";
import { after, reasonOf, sleep } from "./timing.ts";

/** What every call takes. */
export interface CallOptions {
  /** Ends the wait; what it aborts with is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the request must have been answered; the client's by default. */
  readonly requestTimeoutMs?: number | undefined;
}

/** What calls take that would be done again by a plain repeat. */
export interface RepeatableOptions extends CallOptions {
  /** The name of this request: a repeat with the same one is not done again. Made by the SDK when left out; `null` for none, and no retries. */
  readonly idempotencyKey?: string | null | undefined;
}

export interface Request extends Omit<RepeatableOptions, "requestTimeoutMs"> {
  /** `null` for no end. */
  readonly requestTimeoutMs?: number | null | undefined;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: object | undefined;
  /** Sent as JSON; text, bytes and streams as they are, with their own type. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For operations that take any. */
  readonly method?: string;
  /** Milliseconds for which it is tried again; the client's by default. */
  readonly retryForMs?: number;
}

export const CALL_OPTIONS = { signal: true, requestTimeoutMs: true } as const satisfies NamesOf<CallOptions>;

export const REPEATABLE_OPTIONS = { ...CALL_OPTIONS, idempotencyKey: true } as const satisfies NamesOf<RepeatableOptions>;

/** Sends requests of the API, and repeats those that may be. One for each client. */
export class Transport {
  readonly settings: Settings;
  #hasAnswered = false;
  #isAway = false;
  #serverVersion: string | null = null;
  readonly #background = new Set<Promise<void>>();

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** Whether a server of ours has answered before. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** The version of the server that has answered; `null` where none has, or it did not say. */
  get serverVersion(): string | null {
    return this.#serverVersion;
  }

  /** Tells who wants to hear it that a server that has answered is away, or back. */
  connection(isConnected: boolean): void {
    if (isConnected ? !this.#isAway : !this.#hasAnswered) return;
    this.#isAway = !isConnected;
    this.settings.onConnection(isConnected);
  }

  /** Does what nobody waits for; that it fails is of no consequence. */
  afterwards(work: () => Promise<void>): void {
    const done = work()
      .catch(() => {})
      .finally(() => this.#background.delete(done));
    this.#background.add(done);
  }

  /** Resolves when nothing of that goes on. */
  async settled(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  /** The JSON of an answer. What it is follows from the operation, so the caller says its type. */
  async json<T>(id: OperationId, request: Request = {}): Promise<T> {
    return this.#repeated(id, request, async (response, url) => {
      const text = await response.text();
      const value = parsed(text);
      // Every answer of ours is an object, or a list of them.
      if (typeof value !== "object" || value === null || !isOurs(response)) throw foreign(response, url, text);
      return value as T; // our server answered, and its contract fixes the form
    });
  }

  /** For answers without a body. */
  async none(id: OperationId, request: Request = {}): Promise<void> {
    await this.#repeated(id, request, async (response, url) => {
      const text = await response.text();
      if (!isOurs(response)) throw foreign(response, url, text);
    });
  }

  async text(id: OperationId, request: Request = {}): Promise<string> {
    return this.#repeated(id, request, async (response, url) => {
      const text = await response.text();
      if (!isOurs(response)) throw foreign(response, url, text);
      return text;
    });
  }

  /** The whole answer: its headers, and its bytes. */
  async bytes(id: OperationId, request: Request = {}): Promise<{ readonly headers: Headers; readonly bytes: Uint8Array }> {
    return this.#repeated(id, request, async (response, url) => {
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (!isOurs(response)) throw foreign(response, url, "");
      return { headers: response.headers, bytes };
    });
  }

  /** An answer whose body the caller reads as it comes. The time limit is for its head; the signal ends the body too. */
  async open(id: OperationId, request: Request = {}): Promise<Response> {
    return this.#repeated(id, request, async (response, url) => {
      if (!isOurs(response)) throw foreign(response, url, await response.text());
      return response;
    });
  }

  /** Path and query of an operation, behind the server's URL. */
  pathOf(id: OperationId, { params, query }: Pick<Request, "params" | "query">): string {
    const path = OPERATIONS[id].path.replaceAll(/\{(\w+)\}/g, (_, name: string) => pathPart(name, params?.[name]));
    const pairs = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined && value !== null) pairs.append(name, String(value));
    return pairs.size === 0 ? path : `${path}?${pairs.toString()}`;
  }

  async #repeated<T>(id: OperationId, request: Request, read: (response: Response, url: string) => Promise<T>): Promise<T> {
    requireKnownOptions(id, request);
    const key = keyOf(id, request);
    // What cannot be sent is told at once, and never taken for a connection that broke.
    const sent: Sent = {
      path: this.pathOf(id, request),
      headers: this.#headersOf(request, key),
      body: bodyOf(request.body, request.contentType),
      limitMs: limitOf(request.requestTimeoutMs === undefined ? this.settings.requestTimeoutMs : request.requestTimeoutMs),
    };
    requireSendable(sent.headers);
    // A stream is read once.
    const isRepeatable = (OPERATIONS[id].idempotency !== "with_key" || key !== null) && !(request.body instanceof ReadableStream);
    const retry = new Retry(request.retryForMs ?? this.settings.retryForMs, this.#hasAnswered);
    let mayBeDone = false;
    for (;;) {
      try {
        const answer = await this.#once(id, request, sent, read);
        this.connection(true);
        return answer;
      } catch (error) {
        if (request.signal?.aborted === true) throw reasonOf(request.signal);
        const wait = retry.next(error, isRepeatable);
        mayBeDone = leavesOpen(error) ?? mayBeDone;
        if (wait === null) {
          if (mayBeDone && key !== null && error instanceof CapsuledError) error.leaveOpen(key);
          throw error;
        }
        if (isConnectionTrouble(error)) this.connection(false);
        await sleep(wait, request.signal);
      }
    }
  }

  async #once<T>(id: OperationId, request: Request, sent: Sent, read: (response: Response, url: string) => Promise<T>): Promise<T> {
    const { settings } = this;
    const { limitMs } = sent;
    const limit = new AbortController();
    const quiet = limitMs === null ? null : after(limitMs, () => limit.abort());
    const signal = request.signal === undefined ? limit.signal : AbortSignal.any([limit.signal, request.signal]);
    try {
      const response = await settings.fetch(`${settings.url}${sent.path}`, {
        method: request.method ?? OPERATIONS[id].method,
        headers: sent.headers,
        signal,
        redirect: "manual",
        ...sent.body,
      });
      this.#hasAnswered ||= isOurs(response);
      this.#noteVersion(response);
      if (!response.ok) throw await problemOf(response, settings.url, id);
      return await read(response, settings.url);
    } catch (error) {
      if (limit.signal.aborted) {
        throw new RequestTimeoutError(`${settings.url} did not answer within ${limitMs ?? 0} ms (requestTimeoutMs)`, { cause: error });
      }
      if (error instanceof TypeError || isReset(error)) throw connectionFailure(error, settings.url);
      throw error;
    } finally {
      quiet?.();
    }
  }

  /** Tells once of a server that may not understand this SDK. */
  #noteVersion(response: Response): void {
    const { url, warn } = this.settings;
    const version = versionOf(response);
    if (version === null || version === this.#serverVersion) return;
    this.#serverVersion = version;
    if (isIncompatible(version)) warn(differSaying(version, url));
  }

  #headersOf(request: Request, key: string | null): Record<string, string> {
    const { apiKey } = this.settings;
    return {
      accept: "application/json",
      ...(request.body === undefined ? {} : { "content-type": request.contentType ?? "application/json" }),
      ...(apiKey === null ? {} : { "x-api-key": apiKey }),
      ...(key === null ? {} : { "idempotency-key": key }),
      ...request.headers,
    };
  }
}

/** What every attempt of a request sends. */
interface Sent {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: SentBody;
  /** `null` for no end. */
  readonly limitMs: number | null;
}

/** Options that a method does not know it passes on, so that they come here. */
function requireKnownOptions(id: OperationId, request: Request): void {
  const { params: _, query, body, contentType: _1, headers: _2, method: _3, retryForMs: _4, ...options } = request;
  const known = OPERATIONS[id].idempotency === "with_key" || Object.hasOwn(options, "idempotencyKey") ? REPEATABLE_OPTIONS : CALL_OPTIONS;
  // The fields that a method has made of its own options, those that were left out too.
  const fields = [query, body].flatMap((made) => (isPlain(made) ? Object.keys(made) : []));
  const own = fields.map((name) => name.replaceAll(/_(\w)/g, (_5, letter: string) => letter.toUpperCase()));
  requireKnown(options, known, own);
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function keyOf(id: OperationId, { idempotencyKey }: Request): string | null {
  if (idempotencyKey !== undefined) return idempotencyKey;
  return OPERATIONS[id].idempotency === "with_key" ? `sdk-${randomHex(16)}` : null;
}

/** Runtimes differ in what a broken connection is: most throw a TypeError. */
function isReset(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    /^(E[A-Z]+|UND_ERR_\w+|ConnectionClosed)$/.test(error.code)
  );
}
