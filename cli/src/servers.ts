import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { SettingsError } from "capsuled";
import type { ClientOptions } from "capsuled";
import { findServerUrl } from "./running-server.ts";
import { readSmallFile } from "./small-file.ts";

/** A server that the configuration file names. */
export interface NamedServer {
  readonly url: string;
  readonly api_key?: string;
}

interface ConfigurationFile {
  /** The server that is meant without `--server`. */
  readonly default?: string;
  readonly servers: Readonly<Record<string, NamedServer>>;
}

/** `$XDG_CONFIG_HOME/capsuled/config.json`, in the home directory by default. */
export function configurationPath(env: NodeJS.ProcessEnv): string {
  const base = env["XDG_CONFIG_HOME"];
  return join(base === undefined || base === "" ? join(homedir(), ".config") : base, "capsuled", "config.json");
}

/** Where a server on this machine writes its first key. */
const ADMIN_KEY = "admin-key";

/**
 * Which server and key: `--server` and `--key`, then the environment, then the configuration file, then the server that runs on this
 * machine; for one on this machine, the key that it wrote into its data directory, where this user may read that.
 */
export function connectionFrom(env: NodeJS.ProcessEnv, wanted: string | undefined, key?: string): ClientOptions {
  const { url, keys } = findConnection(env, wanted, key);
  return { ...(url === undefined ? {} : { url }), apiKey: keys.find(({ text }) => text !== undefined)?.text };
}

/** Where the key comes from that `connectionFrom` gives, in words. */
export function keyOrigin(env: NodeJS.ProcessEnv, wanted: string | undefined, key?: string): string {
  return findConnection(env, wanted, key).keys.find(({ text }) => text !== undefined)?.from ?? "nowhere";
}

/** Whether anything says which server is meant; else it is the one that runs on this machine. */
export function isServerNamed(env: NodeJS.ProcessEnv, wanted: string | undefined): boolean {
  return (
    wanted !== undefined || present(env["CAPSULED_URL"]) !== undefined || readConfiguration(configurationPath(env)).default !== undefined
  );
}

interface Key {
  readonly text: string | undefined;
  readonly from: string;
}

/** The server, and the keys for it of which the first that is there is meant. */
function findConnection(
  env: NodeJS.ProcessEnv,
  wanted: string | undefined,
  key: string | undefined,
): { readonly url: string | undefined; readonly keys: readonly Key[] } {
  const path = configurationPath(env);
  const file = readConfiguration(path);
  const isUrl = wanted !== undefined && /^https?:\/\//.test(wanted);
  const name = wanted ?? (present(env["CAPSULED_URL"]) === undefined ? file.default : undefined);
  const given: Key = { text: key, from: "--key" };
  const variable: Key = { text: present(env["CAPSULED_API_KEY"]), from: "CAPSULED_API_KEY" };
  if (!isUrl && name !== undefined) {
    const server = Object.hasOwn(file.servers, name) ? file.servers[name] : undefined;
    if (server === undefined) {
      if (/^[\w.-]+:\d+(?:\/|$)/.test(name))
        throw new SettingsError(`${JSON.stringify(name)} is neither a server's name nor a URL: write http://${name}, or https://${name}`);
      throw new SettingsError(
        `There is no server ${JSON.stringify(name)} in ${path}${known(file)}; \`capsuled servers add ${name} URL\` makes one.`,
      );
    }
    const kept: Key = { text: server.api_key, from: `the server ${JSON.stringify(name)} in ${path}` };
    return { url: server.url, keys: [given, kept, variable, ...localKeys(env, server.url)] };
  }
  const url = isUrl ? wanted : present(env["CAPSULED_URL"]);
  if (url !== undefined) return { url, keys: [given, variable, ...localKeys(env, url)] };
  for (const place of usualDataDirs(env)) {
    const found = findServerUrl(place);
    if (found !== null) return { url: found, keys: [given, variable, keyIn(place)] };
  }
  const port = present(env["CAPSULED_PORT"]);
  const expected = port === undefined || !/^[1-9]\d{0,4}$/.test(port) ? undefined : `http://127.0.0.1:${port}`;
  return { url: expected, keys: [given, variable, ...localKeys(env, DEFAULT_URL)] };
}

/** Where a server is expected that nothing says anything of. */
export const DEFAULT_URL = "http://127.0.0.1:8080";

/** Where servers of this machine keep their data, unless they were told otherwise. */
export function usualDataDirs(env: NodeJS.ProcessEnv): readonly string[] {
  const given = present(env["CAPSULED_DATA_DIR"]);
  if (given !== undefined) return [given];
  const data = present(env["XDG_DATA_HOME"]) ?? join(homedir(), ".local/share");
  return ["/var/lib/capsuled", join(data, "capsuled")];
}

export function readConfiguration(path: string): ConfigurationFile {
  let text: string;
  try {
    text = readSmallFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error) return { servers: {} }; // it is not there, or not this user's to read
    throw new SettingsError(`${error instanceof Error ? error.message : String(error)}, and so no configuration`);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "servers" in value && typeof value.servers === "object" && value.servers !== null) {
      const servers = Object.fromEntries(
        Object.entries(value.servers).filter((entry): entry is [string, NamedServer] => isServer(entry[1])),
      );
      return { servers, ...("default" in value && typeof value.default === "string" ? { default: value.default } : {}) };
    }
  } catch {
    // told below
  }
  throw new SettingsError(`${path} is no configuration: it holds {"default": "NAME", "servers": {"NAME": {"url": "…", "api_key": "…"}}}`);
}

/** Writes it for this user alone, since it holds keys. */
export function writeConfiguration(path: string, file: ConfigurationFile): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  chmodSync(path, 0o600);
}

function isServer(value: unknown): value is NamedServer {
  return typeof value === "object" && value !== null && "url" in value && typeof value.url === "string";
}

function known({ servers }: ConfigurationFile): string {
  const names = Object.keys(servers);
  return names.length === 0 ? "" : ` (there are ${names.join(", ")})`;
}

function localKeys(env: NodeJS.ProcessEnv, url: string): readonly Key[] {
  const isLocal = /^https?:\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:|\/|$)/.test(url);
  return isLocal ? usualDataDirs(env).map(keyIn) : [];
}

function keyIn(dataDir: string): Key {
  const from = join(dataDir, ADMIN_KEY);
  try {
    return { text: readSmallFile(from).trim(), from };
  } catch {
    return { text: undefined, from }; // this user may not read it, or it was put elsewhere
  }
}

function present(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}
