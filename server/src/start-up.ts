import { createServer } from "node:net";
import type { Driver } from "./core/ports/driver.ts";
import type { BuildProgress, TemplateStore } from "./core/ports/templates.ts";
import { codeOf } from "./lib/error-code.ts";

/** Milliseconds between two lines of a build that says nothing new. */
const BEAT_MS = 15_000;

/** Something is missing on this host or in the settings; the message has one line for each thing, with its mend. */
export class CannotStartError extends Error {
  override readonly name = "CannotStartError";
}

/** Throws `CannotStartError` where the address cannot be had, before anything long is done for a server that could not listen. */
export async function requireAddress({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  const probe = createServer();
  const listen = (): Promise<void> =>
    new Promise((done, failed) => {
      probe.once("error", failed);
      probe.listen(port, host, done);
    });
  await listening({ listen }, { host, port });
  await new Promise((done) => probe.close(done));
}

/** Takes connections. Throws `CannotStartError` where the address cannot be had. */
export async function listening(
  http: { listen(): Promise<void> },
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  try {
    await http.listen();
  } catch (error) {
    const mend = ADDRESS_MENDS[codeOf(error) ?? ""];
    if (mend === undefined) throw error;
    throw new CannotStartError(`${host}:${port}: ${mend}`);
  }
}

const ADDRESS_MENDS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there (a capsuled that runs already?); end it, or set another CAPSULED_PORT",
  EACCES: "this user may not listen there; set a CAPSULED_PORT of 1024 or more",
  EADDRNOTAVAIL: "this machine has no such address; set CAPSULED_HOST to one that it has, or to 0.0.0.0",
  ENOTFOUND: "there is no such host name; set CAPSULED_HOST to an address of this machine",
};

/** Throws `CannotStartError` naming everything that the driver misses on this host. */
export async function requireHost(driver: Driver): Promise<void> {
  const probe = await driver.probe();
  if (probe.ok) return;
  const lines = probe.checks
    .filter((check) => check.isRequired && !check.ok)
    .map((check) => `${check.name}: ${check.found}. ${check.mend}`);
  throw new CannotStartError(lines.join("\n"));
}

/**
 * Throws `CannotStartError` where the database is a new one and this host has capsules of the installation all the same: its own
 * database is gone, and what no row accounts for would be removed.
 */
export async function requireOwnDatabase(driver: Pick<Driver, "list">, countTeams: () => Promise<number>): Promise<void> {
  if ((await countTeams()) > 0) return;
  const found = await driver.list();
  if (found.length === 0) return;
  throw new CannotStartError(
    `The database is empty, but ${found.length} capsules of this installation are on this host: put the database back, or check CAPSULED_DATABASE_URL and CAPSULED_DATA_DIR.`,
  );
}

/**
 * Builds a template unless what its recipe says now is there, telling `say` of each kind of step and of every tenth on the way, and
 * every 15 s where it is. Where that fails and an earlier build is there, capsules go on with the earlier one.
 */
export async function requireTemplate(templates: TemplateStore, name: string, say: (line: string) => void): Promise<void> {
  const found = await templates.find(name);
  if (found === undefined) throw new CannotStartError(`There is no recipe for the template ${name}: check CAPSULED_TEMPLATES.`);
  let last = "";
  let stage = "";
  const began = Date.now();
  const beat = setInterval(() => {
    if (last !== "") say(`${last}, ${Math.round((Date.now() - began) / 1000)} s so far`);
  }, BEAT_MS);
  try {
    await templates.ensure(name, (progress) => {
      if (last === "") say(`building the template ${name}; the next start finds it ready`);
      last = progressLine(name, progress);
      const now = stageOf(progress);
      if (now === stage) return;
      stage = now;
      say(last);
    });
  } catch (error) {
    if (found.state !== "ready") throw error;
    const why = error instanceof Error ? error.message : String(error);
    say(`the template ${name} could not be built anew, so its earlier build stays in use: ${why}`);
    return;
  } finally {
    clearInterval(beat);
  }
  if (last !== "") say(`${name}: ready`);
}

/** The tenth, and what kind of step it is: there are hundreds of packages. */
function stageOf({ step, fraction }: BuildProgress): string {
  return `${Math.floor(fraction * 10)} ${step.split(" ")[0] ?? ""}`;
}

function progressLine(name: string, progress: BuildProgress): string {
  const tenths = Math.floor(progress.fraction * 10);
  return `${name}: ${String(tenths * 10).padStart(3)} % ${progress.step}`;
}
