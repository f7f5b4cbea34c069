import type { Egress } from "../../core/ports/driver.ts";
import { randomBytes } from "node:crypto";
import type { FakeAgent } from "./agent.ts";
import type { FakeDisk } from "./disk.ts";

/** One launched machine. */
export interface Machine {
  readonly capsuleId: string;
  /** New for each launch. */
  readonly launchId: string;
  readonly agent: FakeAgent;
  readonly memoryMb: number;
  /** Those who want to know when it ends by itself. */
  readonly watchers: Set<() => void>;
  oomKills: number;
  /** Only told back: nothing here connects to anything. */
  egress: Egress;
}

/** What one installation has on a host. */
export interface Installation {
  readonly machines: Map<string, Machine>;
  readonly disks: Map<string, FakeDisk>;
  readonly snapshots: Map<string, FakeDisk>;
  /** Capsules that a call cut off half-way has left something of. */
  readonly debris: Set<string>;
}

/**
 * The machine room, apart from the drivers that use it: two drivers on one host and installation are a server before
 * and after its restart, two installations are neighbours that must not meet.
 */
export class FakeHost {
  readonly #installations = new Map<string, Installation>();
  /** New for each boot of the host. */
  bootId = randomBytes(8).toString("hex");

  installation(name: string): Installation {
    const known = this.#installations.get(name);
    if (known !== undefined) return known;
    const made = {
      machines: new Map<string, Machine>(),
      disks: new Map<string, FakeDisk>(),
      snapshots: new Map<string, FakeDisk>(),
      debris: new Set<string>(),
    };
    this.#installations.set(name, made);
    return made;
  }

  /** A machine ends by itself, as when its PID 1 is killed; those who watch are told. */
  crash(capsuleId: string): void {
    for (const { machines } of this.#installations.values()) {
      const machine = machines.get(capsuleId);
      if (machine === undefined) continue;
      machines.delete(capsuleId);
      machine.agent.die();
      const watchers = [...machine.watchers];
      machine.watchers.clear();
      for (const watcher of watchers) setImmediate(watcher);
    }
  }

  /** A capsule is taken away, disk and all, while no server lives to see it. */
  lose(capsuleId: string): void {
    for (const { machines, disks } of this.#installations.values()) {
      const machine = machines.get(capsuleId);
      if (machine !== undefined) endMachine(machine);
      machines.delete(capsuleId);
      disks.delete(capsuleId);
    }
  }

  /** The host boots anew: every machine is gone, disks stay, and no driver of before is told. */
  reboot(): void {
    this.bootId = randomBytes(8).toString("hex");
    for (const { machines } of this.#installations.values()) {
      for (const machine of machines.values()) endMachine(machine);
      machines.clear();
    }
  }

  /** Ends everything: after it no timer and no connection is left. */
  close(): void {
    this.reboot();
    this.#installations.clear();
  }
}

/** Ends a machine by intent: those who watch hear nothing. */
export function endMachine(machine: Machine): void {
  machine.watchers.clear();
  machine.agent.die();
}
