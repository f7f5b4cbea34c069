import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EXIT, ExitError } from "./exit.ts";

/** The server's package, whose export `./main` is its program. */
const SERVER = "@capsuled/server";
const NODE_MIN = [24, 12] as const;

/** Where the server's program is: in a clone its source, else what npm installed beside this program. */
export function findServerProgram(): string | null {
  try {
    return realpathSync(fileURLToPath(import.meta.resolve(`${SERVER}/main`)));
  } catch {
    return null;
  }
}

/** What decides whether a server can run. */
export interface Runtime {
  readonly platform: string;
  readonly arch: string;
  readonly versions: { readonly node: string };
}

/** The server's program, or an error that says how to get it here. */
export function requireServerProgram(process: Runtime): string {
  const why = whyNoServer(process);
  const program = why === null ? findServerProgram() : null;
  if (program === null) {
    throw new ExitError(EXIT.unavailable, why ?? `The server is not installed beside this program: npm install ${SERVER}`);
  }
  return program;
}

/** Why this machine or this Node runs no server; `null` where it can. */
export function whyNoServer(process: Runtime): string | null {
  if (process.platform !== "linux") {
    return `The server needs Linux, and this is ${process.platform}: start it on a Linux machine or in a virtual machine, and say here where it is: capsuled servers add NAME URL`;
  }
  if (process.arch !== "x64" && process.arch !== "arm64") {
    return `The server needs an x86-64 or a 64-bit Arm machine, and this is ${process.arch}.`;
  }
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return null;
  return `The server needs Node ${NODE_MIN.join(".")} or later, and this is ${process.versions.node}: install it from https://nodejs.org, or beside this program: npm install node@${NODE_MIN[0]}`;
}

/** Whether a process's command line is that of a server, a clone's or an installed one. */
export function isServer(commandLine: string): boolean {
  return /server\/(src\/main\.ts|lib\/main\.js)\0/.test(`${commandLine}\0`);
}
