import type { FoundCapsule, Handle, LaunchSpec, MachineState } from "../../core/ports/driver.ts";
import { HandleGoneError, HostFullError, TemplateMissingError } from "../../core/ports/driver.ts";
import { DISK_BYTES_MAX } from "./disk.ts";
import type { FakeHost, Installation, Machine } from "./host.ts";
import { endMachine } from "./host.ts";
import { launchMachine } from "./launch.ts";
import type { Programs } from "./programs.ts";
import { createPrograms } from "./programs.ts";
import type { FakeScript, FaultPlan } from "./script.ts";

/** Machines at once by default. */
export const CAPSULES_MAX = 1000;
const DRIVER_NAME = "fake";
const HANDLE_VERSION = 1;

/** What a fake driver's calls do, without their latency and faults. */
export class Machines {
  readonly #host: FakeHost;
  readonly #installationName: string;
  readonly #script: FakeScript;
  readonly #plan: FaultPlan;
  readonly #programs: Programs;

  constructor(host: FakeHost, installationName: string, script: FakeScript, plan: FaultPlan) {
    this.#host = host;
    this.#installationName = installationName;
    this.#script = script;
    this.#plan = plan;
    this.#programs = createPrograms(script.programs);
  }

  get #here(): Installation {
    return this.#host.installation(this.#installationName);
  }

  launch(spec: LaunchSpec): Handle {
    const { templates, capsulesMax = CAPSULES_MAX, journalBytes } = this.#script;
    if (spec.snapshotId === null && spec.sourceId === null && templates !== undefined && !templates.includes(spec.template))
      throw new TemplateMissingError(`no template ${spec.template}`);
    if (spec.egress !== "none" && this.#script.network === false) throw new Error("this host has no network for capsules");
    this.stop(spec.capsuleId);
    if (this.#here.machines.size >= capsulesMax) throw new HostFullError("capsules", `${capsulesMax} capsules run already`);
    const machine = launchMachine(spec, this.#here, this.#host, this.#plan, this.#programs, journalBytes);
    const data = { capsule: spec.capsuleId, launch: machine.launchId, boot: this.#host.bootId };
    return { driver: DRIVER_NAME, version: HANDLE_VERSION, data };
  }

  /** The machine of that very launch. Throws `HandleGoneError`. */
  running(handle: Handle): Machine {
    const machine = this.#here.machines.get(String(handle.data["capsule"]));
    if (handle.driver !== DRIVER_NAME || machine === undefined || machine.launchId !== handle.data["launch"]) {
      throw new HandleGoneError("the fake machine is gone");
    }
    return machine;
  }

  stateOf(handle: Handle): MachineState {
    if (handle.data["boot"] !== this.#host.bootId) return "host_restarted";
    try {
      return this.running(handle).agent.work.frozen ? "paused" : "running";
    } catch (error) {
      if (error instanceof HandleGoneError) return "gone";
      throw error;
    }
  }

  list(): readonly FoundCapsule[] {
    const { machines, disks, debris } = this.#here;
    return [...new Set([...machines.keys(), ...disks.keys(), ...debris])].map((capsuleId) => {
      const machine = machines.get(capsuleId);
      if (machine !== undefined) return { capsuleId, state: machine.agent.work.frozen ? "paused" : "running" };
      return { capsuleId, state: debris.has(capsuleId) ? "debris" : "gone" };
    });
  }

  stop(capsuleId: string): void {
    const machine = this.#here.machines.get(capsuleId);
    this.#here.machines.delete(capsuleId);
    this.#here.debris.delete(capsuleId);
    if (machine !== undefined) endMachine(machine);
  }

  destroy(capsuleId: string): void {
    this.stop(capsuleId);
    this.#here.disks.delete(capsuleId);
  }

  diskBytes(handle: Handle): number {
    return this.#here.disks.get(this.running(handle).capsuleId)?.bytes ?? 0;
  }

  takeSnapshot(handle: Handle, snapshotId: string, directory = "/"): { readonly sizeBytes: number } {
    const { capsuleId } = this.running(handle);
    const disk = this.#here.disks.get(capsuleId);
    if (disk === undefined) throw new HandleGoneError("the fake disk is gone");
    const snapshot = directory === "/" ? disk.copy(DISK_BYTES_MAX) : disk.subtree(directory, DISK_BYTES_MAX);
    this.#here.snapshots.set(snapshotId, snapshot);
    return { sizeBytes: snapshot.bytes };
  }

  removeSnapshot(snapshotId: string): void {
    this.#here.snapshots.delete(snapshotId);
  }

  listSnapshots(): readonly string[] {
    return [...this.#here.snapshots.keys()];
  }

  /** What a launch or destroy that is cut off half-way leaves. */
  leaveDebris(capsuleId: string): void {
    this.stop(capsuleId);
    this.#here.debris.add(capsuleId);
  }

  /** Calls `onGone` once when it ends by itself, soon where it has ended before. */
  watch(handle: Handle, onGone: () => void): () => void {
    let watching = true;
    const watcher = (): void => {
      if (watching) onGone();
      watching = false;
    };
    const state = this.stateOf(handle);
    const machine = state === "running" || state === "paused" ? this.running(handle) : null;
    if (machine === null) setImmediate(watcher);
    else machine.watchers.add(watcher);
    return () => {
      watching = false;
      machine?.watchers.delete(watcher);
    };
  }
}
