import type { Duplex } from "node:stream";
import type { Principal } from "../access/principal.ts";
import type { ListeningPort } from "../ports/agent-link.ts";

/** A port of a running capsule, for one request. */
export interface PortTarget {
  readonly capsuleId: string;
  readonly port: number;
  /** A byte pipe to it. Throws `port_unavailable` while nothing listens. */
  dial(): Promise<Duplex>;
  /** Whether the capsule still has the machine that was dialled, and nobody is ending it. */
  isAlive(): boolean;
  /** Counts as activity until the returned function is called. */
  begin(): () => void;
}

export interface SignedPort {
  readonly token: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

export interface KnownPort extends ListeningPort {
  readonly isPublic: boolean;
}

/**
 * Ports of capsules. Every call throws `CapsuledError`: `not_found`, `invalid_state`. Those that open wake a paused capsule that was
 * created so.
 */
export interface PortService {
  /** For whoever has a key. */
  open(principal: Principal, capsuleId: string, port: number): Promise<PortTarget>;
  /** For whoever has a token that is good for this very port. Throws `unauthorized` for any other. */
  openSigned(token: string, capsuleId: string, port: number): Promise<PortTarget>;
  /** For anybody. Throws `unauthorized` where the port is not public. */
  openPublic(capsuleId: string, port: number): Promise<PortTarget>;
  /** Whether anybody may reach it; from memory, so `false` for a capsule without a machine. */
  isPublic(capsuleId: string, port: number): boolean;
  /** A token that stands for a key at one port until it expires. */
  sign(principal: Principal, capsuleId: string, port: number, ttlSec: number): Promise<SignedPort>;
  /** When a token that is good for this port expires, in unix milliseconds; `undefined` for any other. */
  expiryOf(token: string, capsuleId: string, port: number): number | undefined;
  /** What listens, by number. */
  list(principal: Principal, capsuleId: string): Promise<readonly KnownPort[]>;
  /** In force when it resolves; in every state but destroyed. Throws `invalid_request` beyond the bound on public ports. */
  setPublic(principal: Principal, capsuleId: string, port: number, isPublic: boolean): Promise<void>;
}
