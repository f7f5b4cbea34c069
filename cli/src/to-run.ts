import { invocationOf } from "./invocation.ts";
import type { Started } from "./invocation.ts";

/** What a command is to be typed with, so that it means the server that is meant here. */
export interface ToRun {
  /** The data directory, where it is not the one of the environment. */
  readonly dataDir?: string | undefined;
  /** Whether it starts a server, which needs the other settings, too, and root. */
  readonly starts?: boolean;
}

/** A command of this program as it works when it is pasted where this one was typed. */
export function toRun(process: Started & { getuid?(): number }, command: string, { dataDir, starts = false }: ToRun = {}): string {
  const { env } = process;
  // An address in the environment would win over the one that a server of this machine has told.
  const url = present(env["CAPSULED_URL"]) === undefined || starts ? [] : ["CAPSULED_URL="];
  const isSudo = present(env["SUDO_USER"]) !== undefined || (starts && process.getuid?.() !== 0);
  const directory = dataDir ?? present(env["CAPSULED_DATA_DIR"]);
  const settings = directory === undefined ? [] : [`CAPSULED_DATA_DIR=${quoted(directory)}`];
  if (starts) settings.push(...otherSettings(env));
  return [...(isSudo ? ["sudo"] : []), ...url, ...settings, invocationOf(process), command].join(" ");
}

/** What a server reads of the environment beside its data directory. Secrets are not written out. */
function otherSettings(env: NodeJS.ProcessEnv): readonly string[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (!/^CAPSULED_[A-Z_]+$/.test(name) || /^CAPSULED_(?:DATA_DIR|URL|API_KEY|TEST_\w+)$/.test(name) || present(value) === undefined)
      return [];
    return [/URL|KEY|SECRET|TOKEN|PASSWORD/.test(name) ? `${name}="$${name}"` : `${name}=${quoted(value ?? "")}`];
  });
}

const present = (value: string | undefined): string | undefined => (value === "" ? undefined : value);

/** As a shell takes it for one word. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
