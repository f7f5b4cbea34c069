import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CapsuledError, Client } from "capsuled";
import { connectionFrom } from "./servers.ts";
import { parseOptions } from "./parse.ts";

/** Milliseconds that a server has to say its version here. */
const LOOK_MS = 2_000;

/** `capsuled --version`: this program's, and that of the server which is meant, where one answers. */
export async function tellVersions(process: NodeJS.Process, argv: readonly string[]): Promise<void> {
  const given = parseOptions(argv);
  const program = ownVersion();
  const server = await serverVersion(process, given.server);
  if (given.json) return void process.stdout.write(`${JSON.stringify({ version: program, server })}\n`);
  const said =
    server.version === null ? `none answers at ${server.url ?? "an address that is wrong"}` : `${server.version}, at ${server.url ?? ""}`;
  process.stdout.write(`capsuled  ${program}\nserver    ${said}\n`);
}

async function serverVersion(
  process: NodeJS.Process,
  wanted: string | undefined,
): Promise<{ readonly url: string | null; readonly version: string | null }> {
  let client: Client;
  try {
    client = new Client({ ...connectionFrom(process.env, wanted), apiKey: null, requestTimeoutMs: LOOK_MS, retryForMs: 0, warn: () => {} });
  } catch (error) {
    if (wanted !== undefined || !(error instanceof CapsuledError)) throw error;
    return { url: null, version: null };
  }
  const { url } = client;
  try {
    return { url, version: (await client.system.health()).version };
  } catch (error) {
    if (!(error instanceof CapsuledError)) throw error;
    return { url, version: client.serverVersion };
  }
}

export function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(fileURLToPath(new URL("../package.json", import.meta.url)), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "unknown";
}

/** Whether one version is older than another. */
export function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, "en", { numeric: true }) < 0;
}
