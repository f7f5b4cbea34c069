#!/usr/bin/env node
// In a clone the sources run as they are, which a Node of today does; the published package has this file built. Whatever Node reads
// this must understand it, so it is written as for old ones.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const NODE_MIN = [24, 12];
const [major, minor] = process.versions.node.split(".").map(Number);
const isNewEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
/** The one that `npm install` has put into the clone. */
const own = fileURLToPath(new URL("../../node_modules/node/bin/node", import.meta.url));

if (isNewEnough) {
  void import("../src/main.ts");
} else if (existsSync(own)) {
  const child = spawn(own, process.argv.slice(1), { stdio: "inherit" });
  // The terminal tells its whole group of Ctrl-C; the child decides what that means.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
} else {
  process.stderr.write(
    `capsuled: this is Node ${process.versions.node}, and a clone needs ${NODE_MIN.join(".")} or later: run npm ci, which brings one along\n`,
  );
  process.exitCode = 69;
}
