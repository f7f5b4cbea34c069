import { MissingKeyError, SettingsError } from "./errors.ts";
import type { NamesOf } from "./transport/options.ts";

/** How a client reaches its server. What is left out comes from the environment. */
export interface ClientOptions {
  /** Where the server is; `CAPSULED_URL`, else `http://127.0.0.1:8080`. */
  readonly url?: string | undefined;
  /** A team's key, `wrn_…`; `CAPSULED_API_KEY`. `null` for what needs none: public endpoints and the server's health. */
  readonly apiKey?: string | null | undefined;
  /** Milliseconds until a request must have been answered, unless it waits for a command; 30 000 by default, Infinity for as long as it takes. */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * Milliseconds for which a repeatable request is tried again, and a cut stream connected again; 30 000 by default, 0 for never, Infinity for
   * always.
   * A server that has not answered this client yet gets a second at most.
   */
  readonly retryForMs?: number | undefined;
  /**
   * Hears `false` when a server that has answered is away and is tried again, perhaps several times, and `true` when it is back. A
   * terminal has one of its own, too.
   */
  readonly onConnection?: ((isConnected: boolean) => void) | undefined;
  /** In place of the runtime's own `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** In place of the runtime's own `WebSocket`: one that takes headers, as that of the package `ws` does. */
  readonly WebSocket?: unknown;
  /** Hears once of what is no error: that the server is of a version that may not understand this SDK. The runtime's warnings by default. */
  readonly warn?: ((message: string) => void) | undefined;
}

export const CLIENT_OPTIONS = {
  url: true,
  apiKey: true,
  requestTimeoutMs: true,
  retryForMs: true,
  onConnection: true,
  fetch: true,
  WebSocket: true,
  warn: true,
} as const satisfies NamesOf<ClientOptions>;

export interface Settings {
  /** Without a slash at its end. */
  readonly url: string;
  readonly apiKey: string | null;
  readonly requestTimeoutMs: number;
  readonly retryForMs: number;
  readonly onConnection: (isConnected: boolean) => void;
  readonly fetch: typeof globalThis.fetch;
  readonly WebSocket: unknown;
  readonly warn: (message: string) => void;
}

const DEFAULT_URL = "http://127.0.0.1:8080";
const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;
const DEFAULT_RETRY_FOR_MS = 30_000;

/** What is given, else what the environment says, else the defaults. */
export function settingsFrom(options: ClientOptions): Settings {
  const url = checkedUrl(options.url ?? environment("CAPSULED_URL") ?? DEFAULT_URL);
  const apiKey = options.apiKey === undefined ? (environment("CAPSULED_API_KEY") ?? "") : options.apiKey;
  if (apiKey === "") throw new MissingKeyError();
  if (apiKey !== null && (typeof apiKey !== "string" || !/^[\u0021-\u007e]+$/.test(apiKey))) {
    throw new SettingsError("The API key holds characters that no key has; a key is wrn_ and 40 hex digits (CAPSULED_API_KEY)");
  }
  return {
    url,
    apiKey,
    requestTimeoutMs: limitOf(options.requestTimeoutMs) ?? DEFAULT_REQUEST_TIMEOUT_MS,
    retryForMs: retryForOf(options.retryForMs),
    onConnection: options.onConnection ?? (() => {}),
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    WebSocket: options.WebSocket,
    warn: options.warn ?? warnOf,
  };
}

/** A request's time as it was given. Throws a `SettingsError` for what is none: timers take that for no time at all. */
export function limitOf<T extends number | null | undefined>(ms: T): T {
  if (ms === null || ms === undefined || (typeof ms === "number" && ms > 0)) return ms;
  throw new SettingsError(`\`requestTimeoutMs\` is milliseconds, more than 0, and not ${String(ms)}; Infinity is for as long as it takes`);
}

function retryForOf(ms: number | undefined): number {
  if (ms === undefined) return DEFAULT_RETRY_FOR_MS;
  if (typeof ms === "number" && ms >= 0) return ms;
  throw new SettingsError(`\`retryForMs\` is milliseconds, 0 or more, and not ${String(ms)}; Infinity is for as long as it takes`);
}

/** As the runtime warns, which is not on standard output. */
function warnOf(message: string): void {
  if (typeof process !== "undefined" && typeof process.emitWarning === "function") process.emitWarning(message, "CapsuledWarning");
  // oxlint-disable-next-line no-console -- browsers have no other place for a warning
  else console.warn(message);
}

function checkedUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new SettingsError(`${JSON.stringify(text)} is not a URL; a server's looks like http://127.0.0.1:8080 (CAPSULED_URL)`);
  }
  if (url.username !== "" || url.password !== "") {
    // Nothing of them is repeated: the message may end in a log.
    throw new SettingsError(
      `The URL of ${url.host} has a user name or a password before its \`@\`, which would not be sent: leave them out. A server knows who asks by the API key alone (CAPSULED_URL, CAPSULED_API_KEY)`,
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new SettingsError(`${JSON.stringify(text)} does not begin with http:// or https:// (CAPSULED_URL)`);
  }
  if (url.search !== "" || url.hash !== "") throw new SettingsError(`${JSON.stringify(text)} has a query or a fragment (CAPSULED_URL)`);
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

/** A variable of the environment, where there is one: not in browsers. */
function environment(name: string): string | undefined {
  const value = typeof process === "undefined" ? undefined : process.env[name];
  return value === undefined || value === "" ? undefined : value;
}
