import { Client, ConnectionError, MissingKeyError } from "capsuled";
import type { Context } from "./context.ts";
import { exitCodeOf, ExitError } from "./exit.ts";
import { otherServers } from "./running-server.ts";
import type { OtherServer } from "./running-server.ts";
import { DEFAULT_URL, usualDataDirs } from "./servers.ts";
import { quoted, toRun } from "./to-run.ts";

/** Milliseconds that something has to answer where a server is expected. */
const LOOK_MS = 2_000;
/** Characters of a command line that is written out again; of a longer one only its beginning is. */
const TYPED_CHARS_MAX = 60;

/** A server or a key that is missing, told with what is known of this machine's servers; any other error as it is. */
export async function tellingOfServers(context: Context, error: unknown): Promise<unknown> {
  const isKeyMissing = error instanceof MissingKeyError;
  if (!isKeyMissing && !(error instanceof ConnectionError && error.outcome === "nothing_done")) return error;
  const said = (message: string): ExitError => new ExitError(exitCodeOf(error), message, { cause: error });
  if (context.isServerNamed) return isKeyMissing ? said(keySaying(context)) : error;
  const others = otherServers();
  if (others.length > 0) return said(`${noneSaying(context)} ${othersSaying(context.process, others)}`);
  if (!isKeyMissing) return error;
  return said((await answersAt(DEFAULT_URL)) ? foreignSaying() : nowhereSaying());
}

/** Servers that run with data directories where nobody looks by himself, as they are to be asked. */
export function othersSaying(process: NodeJS.Process, others: readonly OtherServer[]): string {
  const known = others.flatMap(({ pid, dataDir }) => (dataDir === null ? [] : [{ pid, dataDir }]));
  if (known.length === 0)
    return `${others.length === 1 ? "A server runs, whose directory is" : "Servers run, whose directories are"} not this user's to see (pid ${others.map(({ pid }) => pid).join(", ")}): ${GIVE}, and CAPSULED_URL where it listens.`;
  const lines = known.map(({ pid, dataDir }) => `\n  ${toRun(process, typed(process), { dataDir })}   (pid ${pid})`);
  return `${known.length === 1 ? "A server runs with another directory, which this asks" : "Servers run with other directories, which these ask"}:${lines.join("")}`;
}

/** What was typed, as a shell takes it. */
function typed({ argv }: NodeJS.Process): string {
  const words = argv.slice(2).map(quoted);
  const whole = words.join(" ");
  return whole.length <= TYPED_CHARS_MAX ? whole : `${words[0] ?? ""} …`;
}

const GIVE = "set CAPSULED_API_KEY, or give --key";
const WHERE = "A server's first key is in the file `admin-key` of its data directory (/var/lib/capsuled, where it was started as root)";

function keySaying({ connection: { url } }: Context): string {
  return `There is no API key for ${url ?? DEFAULT_URL}: ${GIVE}. ${WHERE}, which its own user may read.`;
}

function noneSaying({ process }: Context): string {
  return `No server uses the data directory ${usualDataDirs(process.env).join(", or ")}.`;
}

function nowhereSaying(): string {
  return `There is no API key, and no server was found on this machine: \`capsuled start\` starts one. For one that runs, ${GIVE}, and CAPSULED_URL where it is elsewhere. ${WHERE}.`;
}

function foreignSaying(): string {
  return `A server answers at ${DEFAULT_URL}, and there is no API key for it: ${GIVE}. ${WHERE}, which its own user may read.`;
}

async function answersAt(url: string): Promise<boolean> {
  try {
    await new Client({ url, apiKey: null, retryForMs: 0, requestTimeoutMs: LOOK_MS, warn: () => {} }).system.health();
    return true;
  } catch {
    return false;
  }
}
