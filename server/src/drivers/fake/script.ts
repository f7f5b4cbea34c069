import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import type { DriverCapabilities } from "../../core/ports/driver.ts";
import { HostFullError, TemplateMissingError } from "../../core/ports/driver.ts";
import type { AgentMoment } from "./agent.ts";
import type { Program } from "./program.ts";

export type DriverCall =
  | "launch"
  | "recover"
  | "list"
  | "pause"
  | "resume"
  | "stop"
  | "destroy"
  | "stats"
  | "openAgent"
  | "takeSnapshot"
  | "removeSnapshot"
  | "listSnapshots";

/**
 * What goes wrong. `fail`: nothing is done and it throws. `lost_reply`: all is done and it throws.
 * `debris`: half is done and it throws, as when the host's power goes in the middle (`launch` and `destroy`).
 */
export interface DriverFault {
  readonly at: DriverCall;
  readonly kind: "fail" | "lost_reply" | "debris" | "host_full" | "template_missing";
}

/** The agent, and with it its whole machine, dies. */
export interface AgentFault {
  readonly at: `agent_${AgentMoment}`;
  readonly kind: "dies";
}

/** A fault and when it strikes: at the n-th time (from 1) that its moment comes, else by chance, else always. */
export type Fault = (DriverFault | AgentFault) & {
  readonly nth?: number;
  /** 0 to 1. */
  readonly probability?: number;
};

/** How a fake driver behaves; everything left out goes well and at once. */
export interface FakeScript {
  /** Of the generator behind `probability`: the same seed and calls give the same faults. Default 1. */
  readonly seed?: number;
  /** Milliseconds that a call takes. */
  readonly latencyMs?: Readonly<Partial<Record<DriverCall, number>>>;
  readonly faults?: readonly Fault[];
  /** Programs beside the built-in ones. */
  readonly programs?: Readonly<Record<string, Program>>;
  readonly capabilities?: Partial<DriverCapabilities>;
  /** Whether capsules have a network, which only tells back what it was told. Default true. */
  readonly network?: boolean;
  /** Machines at once; one more is `HostFullError`. Default 1 000. */
  readonly capsulesMax?: number;
  /** Templates that `launch` finds. Default: any. */
  readonly templates?: readonly string[];
  /** Bytes that each process's journal keeps. Default 4 MiB. */
  readonly journalBytes?: number;
}

/** A failure that a script asked for. */
export class ScriptedFailure extends Error {
  override readonly name = "ScriptedFailure";
}

interface CallOptions {
  /** What is left when the call is cut off half-way. */
  readonly half?: () => void;
  readonly signal?: AbortSignal;
}

/** Decides, call by call, what a script lets go wrong. */
export class FaultPlan {
  readonly #script: FakeScript;
  readonly #counts = new Map<string, number>();
  #state: number;

  constructor(script: FakeScript) {
    this.#script = script;
    this.#state = script.seed ?? 1;
  }

  /** How often a moment has come. */
  count(at: Fault["at"]): number {
    return this.#counts.get(at) ?? 0;
  }

  /** Counts the moment; the fault that strikes at it, if any. */
  strike(at: Fault["at"]): Fault | undefined {
    const count = this.count(at) + 1;
    this.#counts.set(at, count);
    return this.#script.faults?.find((fault) => {
      if (fault.at !== at) return false;
      if (fault.nth !== undefined) return fault.nth === count;
      return fault.probability === undefined || this.#random() < fault.probability;
    });
  }

  /** A driver's call with its latency and faults around `act`. */
  async around<T>(at: DriverCall, act: () => T, options: CallOptions = {}): Promise<T> {
    const fault = this.strike(at);
    await this.#latency(at, options.signal);
    switch (fault?.kind) {
      case undefined:
      case "dies":
        return act();
      case "fail":
        throw new ScriptedFailure(`${at}: a failure as scripted`);
      case "lost_reply":
        act();
        throw new ScriptedFailure(`${at}: done, and the reply lost as scripted`);
      case "debris":
        options.half?.();
        throw new ScriptedFailure(`${at}: cut off half-way as scripted`);
      case "host_full":
        throw new HostFullError("memory", "the host is full as scripted");
      case "template_missing":
        throw new TemplateMissingError("the template is missing as scripted");
    }
  }

  async #latency(at: DriverCall, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const ms = this.#script.latencyMs?.[at] ?? 0;
    if (ms === 0) await turn();
    else await sleep(ms, undefined, signal === undefined ? {} : { signal });
    signal?.throwIfAborted();
  }

  /** A number from 0 to 1 (mulberry32). */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
}
