import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import type { Outcome } from "../run-program.ts";
import { runProgram } from "../run-program.ts";
import { NETWORK_LIMITS } from "./settings.ts";

/** A program that did not do what the network needs. */
export class NetworkProgramError extends Error {
  override readonly name = "NetworkProgramError";
}

/** Runs one of the network's programs; throws with its words unless it succeeds. */
export async function run(program: string, args: readonly string[], input = ""): Promise<Outcome> {
  const outcome = await runProgram(program, args, { input, timeoutMs: NETWORK_LIMITS.programMs, outputBytes: NETWORK_LIMITS.listingBytes });
  if (outcome.code !== 0) {
    throw new NetworkProgramError(`${program} ${args.join(" ")} ended with ${outcome.code}: ${outcome.stderr.slice(0, 1000)}`.trim());
  }
  return outcome;
}

/** Where this process's own descriptor of a namespace is found by another one. */
export function pathOf(namespace: number): string {
  return `/proc/${process.pid}/fd/${namespace}`;
}

/** Runs a program of the host in a network namespace. */
export function runInside(namespace: number, program: string, args: readonly string[], input = ""): Promise<Outcome> {
  return run("nsenter", [`--net=${pathOf(namespace)}`, "--", program, ...args], input);
}

/**
 * A new network namespace as a descriptor, and nothing else: it ends with whoever holds it last, so no crash can leave one.
 * @param connect gives it interfaces; gets the number of a process that is in it
 * @param script of a shell that then runs inside
 * @param isUrgent whether somebody waits; what is made ahead leaves the processor to others
 */
export async function newNamespace(connect: (pid: number) => Promise<unknown>, script: string, isUrgent: boolean): Promise<number> {
  const nice = ["-n", isUrgent ? "0" : "10"];
  const shell = spawn("nice", [...nice, "unshare", "--net", "sh", "-e"], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    timeout: NETWORK_LIMITS.programMs,
    killSignal: "SIGKILL",
  });
  const ended = once(shell, "close");
  ended.catch(() => undefined);
  let complaint = "";
  shell.stderr.on("data", (text: Buffer) => (complaint = `${complaint}${text.toString()}`.slice(0, 1000)));
  shell.stdin.on("error", () => undefined);
  const says = async (word: string): Promise<void> => {
    shell.stdin.write(`echo ${word}\n`);
    await Promise.race([
      once(shell.stdout, "data"),
      ended.then(() => {
        throw new NetworkProgramError(`a network namespace could not be made: ${complaint}`);
      }),
    ]);
  };
  let opened: number | null = null;
  try {
    // What it says comes from the new namespace.
    await says("here");
    if (shell.pid === undefined) throw new NetworkProgramError("unshare has no process");
    opened = openSync(`/proc/${shell.pid}/ns/net`, "r");
    await connect(shell.pid);
    shell.stdin.write(script);
    await says("done");
    return opened;
  } catch (error) {
    if (opened !== null) closeSync(opened);
    throw error;
  } finally {
    shell.kill("SIGKILL");
    await ended.catch(() => undefined);
  }
}
