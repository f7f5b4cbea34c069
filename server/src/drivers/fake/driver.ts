/**
 * The `fake` driver: capsules that live in the server's own memory. For tests, SDK tests and demos (`CAPSULED_DRIVER=fake`).
 *
 * It does: everything of core/ports/driver.ts; an agent that speaks agent/PROTOCOL.md over an in-process pipe, so that the
 * server's real agent link is used; processes with pids, tags, journals with bounds, stdin, timeouts, signals, and every fact
 * of their ends; a disk (a map of files) that outlives `stop`; scripted latency and faults (script.ts).
 *
 * It does not: run a program of the host. What a command does is a handful of programs in programs.ts and a small subset of
 * `sh -c` in shell.ts (no pipes, loops, globs or background jobs; `yes N` prints N lines). No child processes, so a tree is
 * one process; users and limits are not looked at; memory and cpu in `stats` are made up from the processes; nothing is isolated;
 * and capsules die with the server, unless a FakeHost is shared between two drivers in one program.
 */
import type { Driver, Handle, LaunchSpec, MachineState } from "../../core/ports/driver.ts";
import { HandleGoneError, HostFullError, TemplateMissingError } from "../../core/ports/driver.ts";
import type { Installation, Machine } from "./host.ts";
import { endMachine, FakeHost } from "./host.ts";
import { launchMachine } from "./launch.ts";
import { createPipe } from "./pipe.ts";
import { createPrograms } from "./programs.ts";
import type { FakeScript } from "./script.ts";
import { FaultPlan } from "./script.ts";

/** Machines at once by default. */
export const CAPSULES_MAX = 1000;
const HANDLE_VERSION = 1;
const MIB = 1024 * 1024;

export interface FakeDriverOptions {
  readonly script?: FakeScript;
  /** Shared to play a restart of the server or a neighbour. */
  readonly host?: FakeHost;
  readonly installation?: string;
}

/** The driver, with what tests need to see and do beside it. */
export interface FakeDriver extends Driver {
  readonly host: FakeHost;
  /** How often each call was made, and each of the agents' moments came. */
  readonly plan: FaultPlan;
}

export function createFakeDriver(options: FakeDriverOptions = {}): FakeDriver {
  const script = options.script ?? {};
  const host = options.host ?? new FakeHost();
  const plan = new FaultPlan(script);
  const programs = createPrograms(script.programs);
  const here = (): Installation => host.installation(options.installation ?? "default");
  const capabilities = { pause: true, limitsLive: false, diskQuota: false, oomScope: "process" as const, snapshot: false, hibernate: false, ...script.capabilities };

  const running = (handle: Handle): Machine => {
    const machine = here().machines.get(String(handle.data["capsule"]));
    if (handle.driver !== "fake" || machine === undefined || machine.launchId !== handle.data["launch"]) throw new HandleGoneError("the fake machine is gone");
    return machine;
  };
  const needPause = (): void => {
    if (!capabilities.pause) throw new Error("this driver cannot pause");
  };
  const stop = (capsuleId: string): void => {
    const machine = here().machines.get(capsuleId);
    here().machines.delete(capsuleId);
    if (machine !== undefined) endMachine(machine);
  };
  const launch = (spec: LaunchSpec): Handle => {
    if (script.templates !== undefined && !script.templates.includes(spec.template)) throw new TemplateMissingError(`no template ${spec.template}`);
    stop(spec.capsuleId);
    const most = script.capsulesMax ?? CAPSULES_MAX;
    if (here().machines.size >= most) throw new HostFullError("capsules", `${most} capsules run already`);
    const machine = launchMachine(spec, here(), host, plan, programs, script.journalBytes);
    return { driver: "fake", version: HANDLE_VERSION, data: { capsule: spec.capsuleId, launch: machine.launchId, boot: host.bootId } };
  };

  return {
    name: "fake",
    capabilities,
    host,
    plan,
    probe: async () => ({ ok: true, checks: [{ name: "memory of the server", ok: true, found: "always there", mend: "" }] }),
    launch: (spec, signal) => plan.around("launch", () => launch(spec), () => here().debris.add(spec.capsuleId), signal),
    recover: (handle) => plan.around("recover", () => recover(handle, host, running)),
    list: () =>
      plan.around("list", () => {
        const { machines, disks, debris } = here();
        const ids = new Set([...machines.keys(), ...disks.keys(), ...debris]);
        return [...ids].map((capsuleId) => {
          const machine = machines.get(capsuleId);
          if (machine !== undefined) return { capsuleId, state: machine.agent.work.frozen ? ("paused" as const) : ("running" as const) };
          return { capsuleId, state: debris.has(capsuleId) ? ("debris" as const) : ("gone" as const) };
        });
      }),
    pause: (handle) =>
      plan.around("pause", () => {
        needPause();
        running(handle).agent.work.freeze();
      }),
    resume: (handle) =>
      plan.around("resume", () => {
        needPause();
        running(handle).agent.work.thaw();
      }),
    stop: (capsuleId) => plan.around("stop", () => stop(capsuleId)),
    destroy: (capsuleId) =>
      plan.around(
        "destroy",
        () => {
          stop(capsuleId);
          here().disks.delete(capsuleId);
          here().debris.delete(capsuleId);
        },
        () => {
          stop(capsuleId);
          here().debris.add(capsuleId);
        },
      ),
    stats: (handle) =>
      plan.around("stats", () => {
        const { agent, memoryMb, oomKills } = running(handle);
        const pids = agent.processes.live.size;
        const memoryBytes = Math.min(memoryMb * MIB, MIB + pids * MIB);
        return { memoryBytes, memoryPeakBytes: memoryBytes, cpuUsageUs: agent.processes.started * 1000, pids, oomKills };
      }),
    openAgent: (handle) =>
      plan.around("openAgent", () => {
        const pipe = createPipe();
        running(handle).agent.accept(pipe.agent);
        return pipe.host;
      }),
    watch(handle, onGone) {
      const watcher = (): void => {
        if (watching) onGone();
        watching = false;
      };
      let watching = true;
      let machine: Machine | null = null;
      try {
        machine = running(handle);
        machine.watchers.add(watcher);
      } catch {
        setImmediate(watcher);
      }
      return () => {
        watching = false;
        machine?.watchers.delete(watcher);
      };
    },
    async close() {},
  };
}

function recover(handle: Handle, host: FakeHost, running: (handle: Handle) => Machine): MachineState {
  if (handle.data["boot"] !== host.bootId) return "host_restarted";
  try {
    return running(handle).agent.work.frozen ? "paused" : "running";
  } catch (error) {
    if (error instanceof HandleGoneError) return "gone";
    throw error;
  }
}
