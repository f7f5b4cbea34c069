import { spawn } from "node:child_process";
import { lockDataDir } from "../data-dir-lock.ts";

/** Run by a test as a process of its own: takes the lock, starts a child that outlives it, says both pids, and waits to be killed. */
const directory = process.argv[2] ?? "";
lockDataDir(directory);
const child = spawn("sleep", ["60"], { stdio: "ignore", detached: true });
process.stdout.write(`${JSON.stringify({ pid: process.pid, child: child.pid })}\n`);
setInterval(() => {}, 1000);
