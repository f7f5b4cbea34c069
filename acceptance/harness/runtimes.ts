import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const MODULES = fileURLToPath(new URL("../../node_modules/", import.meta.url));

/** A runtime for JavaScript on this host: its program with what stands before a script, or why it is not here. */
export type Runtime = { readonly command: readonly string[] } | { readonly missing: string };

/** The Node that the host has for its users, which is older than the one that runs the server. */
export function hostNode(): Runtime & { readonly version: string } {
  const places = (process.env["PATH"] ?? "").split(delimiter).filter((place) => place !== "" && !place.includes("node_modules"));
  const program = places.map((place) => join(place, "node")).find((path) => existsSync(path)) ?? process.execPath;
  return { command: [program], version: execFileSync(program, ["--version"], { encoding: "utf8" }).trim() };
}

/** Deno with the network and the project's files, and nothing else: no environment. */
export function deno(): Runtime {
  return fromNpm("Deno", "@deno/linux-x64-glibc/deno", ["run", "--no-prompt", "--quiet", "--allow-net=127.0.0.1", "--allow-read=."]);
}

export function bun(): Runtime {
  return fromNpm("Bun", "@oven/bun-linux-x64/bin/bun", ["run"]);
}

function fromNpm(name: string, path: string, args: readonly string[]): Runtime {
  const program = join(MODULES, path);
  return existsSync(program) ? { command: [program, ...args] } : { missing: `no ${name} for this platform` };
}
