import type { Duplex } from "node:stream";

/** What a host must have for a driver to work, one line each, with the mend for what is missing. */
export interface ProbeCheck {
  readonly name: string;
  readonly ok: boolean;
  /** Whether nothing can be launched without it. */
  readonly isRequired: boolean;
  /** What was found, e.g. `runc 1.1.5`. */
  readonly found: string;
  /** What to do when it is not ok; empty when it is. */
  readonly mend: string;
}

export interface Probe {
  /** Whether all that is required is ok. */
  readonly ok: boolean;
  readonly checks: readonly ProbeCheck[];
}

/** What a driver can do, as data: core never asks for a driver's name. */
export interface DriverCapabilities {
  /** Freezes and thaws every process and keeps memory. Without it a capsule is stopped at its TTL. */
  readonly pause: boolean;
  /** Limits of a running capsule can change. */
  readonly limitsLive: boolean;
  /** `diskMb` is enforced. */
  readonly diskQuota: boolean;
  /** Whether an out-of-memory kill takes one process or the whole capsule. */
  readonly oomScope: "process" | "capsule";
  readonly snapshot: boolean;
  readonly hibernate: boolean;
}

/** An address, a CIDR, a domain name or `*.` and a domain name, all in lower case; no ports are all ports and protocols. */
export interface EgressRule {
  readonly to: string;
  /** `443`, `8000-8100`. */
  readonly ports: readonly string[];
}

/** Where a capsule may connect to. */
export type Egress = "none" | "allow" | { readonly allow: readonly EgressRule[] };

export interface PacketCount {
  readonly packets: number;
  readonly bytes: number;
}

/** One address, protocol and port that the policy decided about. */
export interface EgressDecision {
  readonly decision: "allowed" | "refused";
  readonly address: string;
  readonly protocol: string;
  /** 0 for protocols without ports. */
  readonly port: number;
  readonly packets: number;
  /** Unix milliseconds, to the second. */
  readonly lastAt: number;
}

/** What a capsule's network did since its machine was launched. */
export interface NetworkFacts {
  readonly address: string;
  readonly allowed: PacketCount;
  readonly refused: PacketCount;
  /** Latest first; empty where they were not asked for. */
  readonly decisions: readonly EgressDecision[];
}

/** The power to connect capsules to the world. */
export interface DriverNetwork {
  /** Puts a policy in force in a running or paused capsule, open connections included. Repeatable, and cheap when it is in force already. */
  set(handle: Handle, egress: Egress): Promise<void>;
  /** `null` for a machine without a network, launched before its host had one. */
  read(handle: Handle, withDecisions: boolean): Promise<NetworkFacts | null>;
}

/** The power to keep what a capsule's disk holds, for new disks to begin with. A snapshot is the disk alone: no memory, no processes. */
export interface DriverSnapshots {
  /** Whether a copy shares its blocks with its source: then it costs next to nothing, in disk and in time. */
  sharesBlocks(): Promise<boolean>;
  /** Whether a launch takes the disk of another capsule as what its own begins with, so that nothing is kept in between. */
  copiesInLaunch(): Promise<boolean>;
  /**
   * Copies the disk of a running or paused capsule under a new id. Its processes stand still while it is copied, and go on if they
   * went before. Nothing is left behind when it throws, `HostFullError` and `HandleGoneError` included. Its size may be told as 0 where
   * it is not `sized`: to look costs more than to copy.
   */
  take(handle: Handle, snapshotId: string, sized?: boolean): Promise<{ readonly sizeBytes: number }>;
  /**
   * The same of one directory at the top of the disk (`a-z0-9`, at most 32), which becomes the root: nothing else of the capsule and of
   * its template is in what begins with it.
   */
  takeTree(handle: Handle, snapshotId: string, directory: string): Promise<{ readonly sizeBytes: number }>;
  /** Disks that began with it go on. Repeatable, fine when nothing is there. */
  remove(snapshotId: string): Promise<void>;
  /** Everything of this installation on this host, what was cut off half-way included. */
  list(): Promise<readonly string[]>;
}

export interface LaunchSpec {
  /** `cl-…`; also the key that makes a repeated launch safe. */
  readonly capsuleId: string;
  /** Name of a template that the driver's template store has built; without meaning where there is a snapshot. */
  readonly template: string;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly diskMb: number;
  /** Most processes (threads included) in the capsule. */
  readonly pidsMax: number;
  /** Host name inside. */
  readonly hostname: string;
  /** In force before anything runs inside. A driver without a network refuses all but `none`. */
  readonly egress: Egress;
  /** 64 hex digits: the agent and the server prove themselves to each other by it. */
  readonly agentSecret: string;
  /** Keep the writable disk of an earlier life (`start`), or begin with an empty one (`create`). */
  readonly disk: "new" | "keep";
  /** What a new disk begins with; `null`: nothing but its template. */
  readonly snapshotId: string | null;
  /**
   * The capsule whose disk, as it is at a moment during the launch, a new disk begins as a copy of; instead of a snapshot. Processes of that
   * one stand still while it is copied, and go on if they went before, whatever comes of the launch. Only where `copiesInLaunch`.
   */
  readonly sourceId: string | null;
  /** Why processes ended that the capsule's earlier life left without an end. */
  readonly previous: "agent_lost" | "host_restarted" | "capsule_stopped";
}

/** A driver's opaque reference to a running capsule; stored, and given back after a restart. Only the driver reads `data`. */
export interface Handle {
  readonly driver: string;
  readonly version: number;
  readonly data: Readonly<Record<string, string | number>>;
}

/** What is true of a launched capsule's machine right now; `host_restarted` when the host has booted since. */
export type MachineState = "running" | "paused" | "gone" | "host_restarted";

/** One capsule that the driver finds on this host, known to the store or not. */
export interface FoundCapsule {
  readonly capsuleId: string;
  readonly state: MachineState | "debris";
}

export interface DriverStats {
  readonly memoryBytes: number;
  readonly memoryPeakBytes: number;
  /** What its disk holds beside what it shares with others; `null` where nobody counts. */
  readonly diskBytes: number | null;
  readonly cpuUsageUs: number;
  readonly pids: number;
  readonly oomKills: number;
}

/**
 * What creates, freezes and destroys capsules on a host. Processes, files and terminals are not its matter:
 * they go through the agent, to which it gives a byte pipe.
 * Every method may throw anything; `HostFullError`, `TemplateMissingError` and `HandleGoneError` mean something to core.
 */
export interface Driver {
  readonly name: string;
  readonly capabilities: DriverCapabilities;
  /** `null` where this host cannot connect capsules; they have loopback only. */
  readonly network: DriverNetwork | null;
  /** `null` where this driver keeps no snapshots. */
  readonly snapshots: DriverSnapshots | null;
  probe(): Promise<Probe>;
  /** Brings up a capsule; first removes what an earlier try under the same id left. Nothing is left behind when it throws. */
  launch(spec: LaunchSpec, signal: AbortSignal): Promise<Handle>;
  /** What became of a launched capsule, e.g. after the server's restart. */
  recover(handle: Handle): Promise<MachineState>;
  /** Everything of this installation on this host. */
  list(): Promise<readonly FoundCapsule[]>;
  /** Freezes every process but the agent. Repeatable. */
  pause(handle: Handle): Promise<void>;
  resume(handle: Handle): Promise<void>;
  /** Ends the machine and frees its memory, processes and mounts; keeps the disk. Repeatable, also without a handle. */
  stop(capsuleId: string): Promise<void>;
  /** As `stop`, and removes the disk and every trace. Repeatable, fine when nothing is there. */
  destroy(capsuleId: string): Promise<void>;
  stats(handle: Handle): Promise<DriverStats>;
  /** A fresh connection to the capsule's agent; throws `HandleGoneError` when nobody listens. */
  openAgent(handle: Handle): Promise<Duplex>;
  /** The JSON of the entries from number `from` on of the log that the agent of a machine left that has ended; none where agents leave none. */
  leftLog(handle: Handle, from: number): Promise<readonly Uint8Array[]>;
  /** Calls `onGone` once when the machine has ended by itself; the returned function stops watching. */
  watch(handle: Handle, onGone: () => void): () => void;
  close(): Promise<void>;
}

/** The host has no room: a maximum of capsules, or memory, disk, pids or uid ranges below the floor. */
export class HostFullError extends Error {
  override readonly name = "HostFullError";
  readonly resource: "capsules" | "memory" | "disk" | "pids" | "uids";
  constructor(resource: HostFullError["resource"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.resource = resource;
  }
}

/** The disk of another capsule that a launch was to begin with could not be copied; a `HandleGoneError` as its cause says that there is none. */
export class CopyFailedError extends Error {
  override readonly name = "CopyFailedError";
}

/** The template is not built here, or its files or the snapshot are gone. */
export class TemplateMissingError extends Error {
  override readonly name = "TemplateMissingError";
}

/** The machine behind a handle is no more. */
export class HandleGoneError extends Error {
  override readonly name = "HandleGoneError";
}
