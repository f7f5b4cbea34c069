import type { Launcher } from "../launcher.ts";
import { LauncherError } from "../launcher-error.ts";
import type { NamespaceSpec } from "../launcher-namespace.ts";
import type { ProgramSpec } from "../launcher-run.ts";
import type { Outcome, RunOptions, RunProgram } from "../run-program.ts";
import { programSpec } from "../launcher-run.ts";
import { NETWORK_LIMITS } from "./settings.ts";

/** A program that did not do what the network needs. */
export class NetworkProgramError extends Error {
  override readonly name = "NetworkProgramError";
}

/** Runs one of the network's programs; throws with its words unless it succeeds. */
export type Run = (program: string, args: readonly string[], input?: string) => Promise<Outcome>;

/** The network's programs and namespaces, by way of a launcher. */
export interface NetworkPrograms {
  readonly run: Run;
  /** Runs a program of the host in a network namespace. */
  runInside(namespace: number, program: string, args: readonly string[], input?: string): Promise<Outcome>;
  /** A new network namespace as a descriptor. Throws `NotConnectedError` where it could not be given its interface. */
  newNamespace(plan: NamespacePlan): Promise<number>;
}

/** What a namespace is made with. */
export interface NamespacePlan {
  /** Lines for `ip` on the host that give it interfaces; `{pid}` is a process that is in it. */
  readonly connect: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
  /** Rules, and lines for `ip` inside. */
  readonly rules: string;
  readonly lines: readonly string[];
  /** Whether somebody waits; what is made ahead leaves the processor to others. */
  readonly isUrgent: boolean;
}

export class NotConnectedError extends NetworkProgramError {}

const optionsOf = (input: string): RunOptions => ({ input, timeoutMs: NETWORK_LIMITS.programMs, outputBytes: NETWORK_LIMITS.listingBytes });

/** The programs as started by `start`. */
export function runBy(start: RunProgram): Run {
  return async (program, args, input = "") => must(program, args, await start(program, args, optionsOf(input)));
}

export function networkPrograms(launcher: Launcher): NetworkPrograms {
  return {
    run: runBy((program, args, options) => launcher.run(program, args, options)),
    runInside: async (namespace, program, args, input = "") =>
      must(program, args, await launcher.run(program, args, optionsOf(input), pathOf(namespace))),
    newNamespace: (plan) => newNamespace(launcher, plan),
  };
}

function must(program: string, args: readonly string[], outcome: Outcome): Outcome {
  if (outcome.code === 0) return outcome;
  throw new NetworkProgramError(`${program} ${args.join(" ")} ended with ${outcome.code}: ${outcome.stderr.slice(0, 1000)}`.trim());
}

/** Where this process's own descriptor of a namespace is found by another one. */
export function pathOf(namespace: number): string {
  return `/proc/${process.pid}/fd/${namespace}`;
}

async function newNamespace(launcher: Launcher, plan: NamespacePlan): Promise<number> {
  const program = (words: readonly string[], input: string): ProgramSpec => programSpec(words, optionsOf(input));
  const batch = (lines: readonly string[]): ProgramSpec => program(["ip", "-batch", "-"], `${lines.join("\n")}\n`);
  const spec: NamespaceSpec = {
    nice: plan.isUrgent ? 0 : 10,
    connect: batch(plan.connect),
    settings: plan.settings,
    inside: [program(["nft", "-f", "-"], plan.rules), batch(plan.lines)],
  };
  try {
    return await launcher.makeNamespace(spec, NETWORK_LIMITS.programMs);
  } catch (error) {
    if (!(error instanceof LauncherError)) throw error;
    const Kind = error.step.startsWith("connect") ? NotConnectedError : NetworkProgramError;
    throw new Kind(`a network namespace could not be made: ${error.message}`, { cause: error });
  }
}
