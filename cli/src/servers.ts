import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { SettingsError } from "capsuled";
import type { ClientOptions } from "capsuled";
import { findServerUrl } from "./running-server.ts";

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
  const file = readConfiguration(configurationPath(env));
  const isUrl = wanted !== undefined && /^https?:\/\//.test(wanted);
  const name = wanted ?? (present(env["CAPSULED_URL"]) === undefined ? file.default : undefined);
  if (!isUrl && name !== undefined) {
    const server = file.servers[name];
    if (server === undefined) {
      if (/^[\w.-]+:\d+(?:\/|$)/.test(name))
        throw new SettingsError(`${JSON.stringify(name)} is neither a server's name nor a URL: write http://${name}, or https://${name}`);
      throw new SettingsError(
        `There is no server ${JSON.stringify(name)} in ${configurationPath(env)}${known(file)}; \`capsuled servers add ${name} URL\` makes one.`,
      );
    }
    return { url: server.url, apiKey: key ?? server.api_key ?? present(env["CAPSULED_API_KEY"]) ?? localKey(env, server.url) };
  }
  const url = isUrl ? wanted : present(env["CAPSULED_URL"]);
  const given = key ?? present(env["CAPSULED_API_KEY"]);
  if (url !== undefined) return { url, apiKey: given ?? localKey(env, url) };
  for (const place of dataDirs(env)) {
    const found = findServerUrl(place);
    if (found !== null) return { url: found, apiKey: given ?? keyIn(place) };
  }
  return { apiKey: given ?? localKey(env, DEFAULT_URL) };
}

/** Where a server is expected that nothing says anything of. */
const DEFAULT_URL = "http://127.0.0.1:8080";

/** Where servers of this machine keep their data, unless they were told otherwise. */
function dataDirs(env: NodeJS.ProcessEnv): readonly string[] {
  const given = present(env["CAPSULED_DATA_DIR"]);
  if (given !== undefined) return [given];
  const data = present(env["XDG_DATA_HOME"]) ?? join(homedir(), ".local/share");
  return ["/var/lib/capsuled", join(data, "capsuled")];
}

export function readConfiguration(path: string): ConfigurationFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return { servers: {} };
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

function localKey(env: NodeJS.ProcessEnv, url: string): string | undefined {
  if (!/^https?:\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:|\/|$)/.test(url)) return undefined;
  for (const place of dataDirs(env)) {
    const key = keyIn(place);
    if (key !== undefined) return key;
  }
  return undefined;
}

function keyIn(dataDir: string): string | undefined {
  try {
    return readFileSync(join(dataDir, ADMIN_KEY), "utf8").trim();
  } catch {
    return undefined; // this user may not read it, or it was put elsewhere
  }
}

function present(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}
