import { CapsuledError, Client, ConnectionError } from "capsuled";
import type { Command } from "../command.ts";
import type { Context } from "../context.ts";
import { EXIT, sayingOf } from "../exit.ts";
import { askHostReport } from "../host-report.ts";
import { asTyped } from "../invocation.ts";
import { othersSaying, tellingOfServers } from "../no-server.ts";
import { otherServers } from "../running-server.ts";
import { findServerProgram, whyNoServer } from "../server-program.ts";
import { coloured } from "../table.ts";
import { toRun } from "../to-run.ts";
import { isOlder, ownVersion } from "../versions.ts";

/** One thing that was looked at. `warn`: it works without. */
interface Finding {
  readonly what: string;
  readonly state: "ok" | "warn" | "bad";
  readonly found: string;
  /** What to do about it. */
  readonly mend?: string;
}

export const doctor: Command = {
  name: "doctor",
  summary: "Say what this host and its server can and cannot, and how to mend it",
  usage: "",
  arguments: [0, 0],
  examples: ["capsuled doctor", "capsuled doctor --json"],
  async run(context) {
    const host = await hostFindings(context);
    const findings = [...host, ...(await serverFindings(context, howToStart(context.process, host)))];
    context.show(findings, () => findings.map((finding) => lineOf(context, finding)).join("\n"));
    if (!isAble(findings)) context.process.exitCode = EXIT.failure;
  },
};

/** How a server is had that does not run yet. */
function howToStart(process: NodeJS.Process, host: readonly Finding[]): string {
  if (whyNoServer(process) !== null || findServerProgram() === null) return "say where one is: capsuled servers add NAME URL";
  const start = toRun(process, "start", { starts: true });
  return isAble(host) ? start : `mend what is bad above, then: ${start}`;
}

/** Below what was found. */
const MEND_INDENT = " ".repeat(29);

const isAble = (findings: readonly Finding[]): boolean => findings.every(({ state }) => state !== "bad");

function lineOf(context: Context, { what, state, found, mend }: Finding): string {
  const mark =
    state === "ok"
      ? coloured(context, "green", "ok  ")
      : state === "warn"
        ? coloured(context, "yellow", "warn")
        : coloured(context, "red", "bad ");
  return `${mark}  ${what.padEnd(22)} ${found}${mend === undefined ? "" : `\n${MEND_INDENT}→ ${mendHere(context.process, mend).replaceAll("\n", `\n${MEND_INDENT}`)}`}`;
}

/** What is to be done, as it is typed here: root needs no sudo. */
function mendHere(process: NodeJS.Process, mend: string): string {
  const typed = asTyped(process, `: ${mend}`).slice(2);
  return process.getuid?.() === 0 && (process.env["SUDO_USER"] ?? "") === ""
    ? typed.replaceAll(/\bsudo (?=\S)| \(with sudo\)/g, "")
    : typed;
}

/** What the server's own program says that this host has. */
async function hostFindings(context: Context): Promise<readonly Finding[]> {
  const why = whyNoServer(context.process);
  if (why !== null) return [{ what: "host", state: "warn", found: "runs no server; this program works from here", mend: why }];
  const program = findServerProgram();
  if (program === null) {
    return [
      {
        what: "host",
        state: "warn",
        found: "has no server installed beside this program",
        mend: "where one is to run here: npm install @capsuled/server",
      },
    ];
  }
  const report = await askHostReport(context.process, program);
  if (typeof report === "string") return [{ what: "settings", state: "bad", found: report.replaceAll("\n", "; ") }];
  return report.map(({ name, ok, isRequired, found, mend }) => ({
    what: name,
    state: ok ? "ok" : isRequired ? "bad" : "warn",
    found,
    ...(mend === "" ? {} : { mend }),
  }));
}

function versionsOf(server: string): Finding {
  const own = ownVersion();
  const found = `the server's ${server}, this program's ${own}`;
  if (server === own) return { what: "versions", state: "ok", found };
  const [older, where] = isOlder(server, own)
    ? ["server", "where it runs: npm install @capsuled/server@latest"]
    : ["program", "npm install -g @capsuled/cli@latest"];
  return { what: "versions", state: "warn", found, mend: `update the ${older}, ${where}` };
}

function noServer(context: Context, toStart: string): Finding {
  const others = otherServers();
  if (others.length === 0) return { what: "server", state: "warn", found: "does not run on this machine", mend: toStart };
  return { what: "server", state: "warn", found: "none uses the usual data directory", mend: othersSaying(context.process, others) };
}

async function serverFindings(context: Context, toStart: string): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  try {
    const { connection } = context;
    const client = new Client({ ...connection, apiKey: connection.apiKey ?? null, warn: () => {} });
    const { url } = client;
    const health = await client.system.health();
    const version = client.serverVersion ?? health.version;
    const bad = Object.entries(health.checks).filter(([, state]) => state !== "ok");
    found.push({ what: "server", state: "ok", found: `${url}, version ${version}` }, versionsOf(version));
    if (bad.length > 0) {
      found.push({
        what: "server's health",
        state: "warn",
        found: bad.map(([name]) => `${name} fails`).join(", "),
        mend: "its log says why",
      });
    }
    await context.client.keys.list();
    found.push({ what: "key", state: "ok", found: "is valid" });
  } catch (error) {
    if (!(error instanceof CapsuledError)) throw error;
    // A host that is able, whose server was not started yet, is in order.
    if (found.length === 0 && !context.isServerNamed && error instanceof ConnectionError) found.push(noServer(context, toStart));
    else {
      const told = context.inOwnWords(await tellingOfServers(context, error));
      found.push({ what: found.length === 0 ? "server" : "key", state: "bad", found: sayingOf(told) });
    }
  }
  return found;
}
