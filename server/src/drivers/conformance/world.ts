import type { Duplex } from "node:stream";
import type { AgentLink } from "../../core/ports/agent-link.ts";
import type { Driver, Handle } from "../../core/ports/driver.ts";

/** A driver on a host of its own, and what only its own tests can do to it. */
export interface ConformanceWorld {
  readonly driver: Driver;
  /** A template that is there, with sh, cat and sleep in it. */
  readonly template: string;
  /** Dies for want of memory in a capsule of 64 MiB. */
  readonly memoryHog: { readonly cmd: string; readonly args: readonly string[] };
  /** Fills a file in /tmp beyond 32 MiB, with the error in stderr. */
  readonly diskHog: { readonly cmd: string; readonly args: readonly string[] };
  /** The server's agent link. */
  connect(capsuleId: string, secret: string, open: () => Promise<Duplex>): AgentLink;
  /** A second driver of the same installation, as after a restart of the server. */
  restarted(): Promise<Driver>;
  /** A driver of another installation on the same host. */
  neighbour(): Promise<Driver>;
  /** Kills the machine from outside. */
  crash(handle: Handle): Promise<void>;
  close(): Promise<void>;
}

/** Why a driver cannot run on this host. */
export interface CannotRun {
  readonly cannotRun: string;
}

/** A guarantee by name, and the check that it holds; a text that it gives is why there is nothing to check. */
export type Guarantees = Readonly<Record<string, (world: ConformanceWorld) => Promise<void | { readonly nothingToCheck: string }>>>;
