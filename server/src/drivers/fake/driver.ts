/**
 * The `fake` driver: capsules that live in the server's own memory. For tests, SDK tests and demos (`CAPSULED_DRIVER=fake`).
 *
 * It does: everything of core/ports/driver.ts; an agent that speaks agent/PROTOCOL.md over an in-process pipe, so that the
 * server's real agent link is used; processes with pids, tags, journals with bounds, stdin, timeouts, signals, and every fact
 * of their ends; a disk (a map of files) that outlives `stop`; scripted latency and faults (script.ts).
 *
 * It does not: run a program of the host. What a command does is a handful of programs in programs.ts and a small subset of
 * `sh -c` in shell.ts (no pipes, loops, globs or background jobs; `yes N` prints N lines). No child processes, so a tree is
 * one process; users and limits (but `diskMb`) are not looked at; memory and cpu in `stats` are made up from the processes; nothing is isolated;
 * and capsules die with the server, unless a FakeHost is shared between two drivers in one program.
 */
import type { Driver, DriverNetwork, DriverSnapshots } from "../../core/ports/driver.ts";
import { FakeHost } from "./host.ts";
import { Machines } from "./machines.ts";
import { createPipe } from "./pipe.ts";
import type { FakeScript } from "./script.ts";
import { FaultPlan } from "./script.ts";

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
  const { script = {}, host = new FakeHost(), installation = "default" } = options;
  const plan = new FaultPlan(script);
  const machines = new Machines(host, installation, script, plan);
  const usual = { pause: true, limitsLive: false, diskQuota: true, oomScope: "process" as const, snapshot: true, hibernate: false };
  const capabilities = { ...usual, ...script.capabilities };
  const needPause = (): void => {
    if (!capabilities.pause) throw new Error("this driver cannot pause");
  };
  return {
    name: "fake",
    capabilities,
    network: script.network === false ? null : networkOf(machines),
    snapshots: capabilities.snapshot ? snapshotsOf(machines, plan) : null,
    host,
    plan,
    probe: async () => ({
      ok: true,
      checks: [{ name: "capsules in memory", ok: true, isRequired: true, found: "always there", mend: "" }],
    }),
    launch: (spec, signal) =>
      plan.around("launch", () => machines.launch(spec), { half: () => machines.leaveDebris(spec.capsuleId), signal }),
    recover: (handle) => plan.around("recover", () => machines.stateOf(handle)),
    list: () => plan.around("list", () => machines.list()),
    pause: (handle) =>
      plan.around("pause", () => {
        needPause();
        machines.running(handle).agent.work.freeze();
      }),
    resume: (handle) =>
      plan.around("resume", () => {
        needPause();
        machines.running(handle).agent.work.thaw();
      }),
    stop: (capsuleId) => plan.around("stop", () => machines.stop(capsuleId)),
    destroy: (capsuleId) => plan.around("destroy", () => machines.destroy(capsuleId), { half: () => machines.leaveDebris(capsuleId) }),
    stats: (handle) =>
      plan.around("stats", () => {
        const { agent, memoryMb, oomKills } = machines.running(handle);
        const pids = agent.processes.live.size;
        const memoryBytes = Math.min(memoryMb, 1 + pids) * MIB;
        return {
          memoryBytes,
          memoryPeakBytes: memoryBytes,
          diskBytes: machines.diskBytes(handle),
          cpuUsageUs: agent.processes.started * 1000,
          pids,
          oomKills,
        };
      }),
    openAgent: (handle) =>
      plan.around("openAgent", () => {
        const { agent } = machines.running(handle);
        const pipe = createPipe();
        agent.accept(pipe.agent);
        return pipe.host;
      }),
    // The agent's log is in its memory and goes with it.
    leftLog: async () => [],
    watch: (handle, onGone) => machines.watch(handle, onGone),
    async close() {},
  };
}

function snapshotsOf(machines: Machines, plan: FaultPlan): DriverSnapshots {
  return {
    sharesBlocks: async () => true,
    copiesInLaunch: async () => true,
    take: (handle, id) =>
      plan.around("takeSnapshot", () => machines.takeSnapshot(handle, id), { half: () => void machines.takeSnapshot(handle, id) }),
    takeTree: (handle, id, directory) => plan.around("takeSnapshot", () => machines.takeSnapshot(handle, id, `/${directory}`)),
    remove: (id) => plan.around("removeSnapshot", () => machines.removeSnapshot(id)),
    list: () => plan.around("listSnapshots", () => machines.listSnapshots()),
  };
}

function networkOf(machines: Machines): DriverNetwork {
  const none = { packets: 0, bytes: 0 };
  return {
    async set(handle, egress) {
      machines.running(handle).egress = egress;
    },
    async read(handle) {
      machines.running(handle);
      return { address: "192.0.2.1", allowed: none, refused: none, decisions: [] };
    },
  };
}
