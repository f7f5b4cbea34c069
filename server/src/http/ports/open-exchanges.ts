import type { IncomingMessage, ServerResponse } from "node:http";
import { performance } from "node:perf_hooks";
import type { Duplex } from "node:stream";
import type { AccessService } from "../../core/access/service.ts";
import type { PortTarget } from "../../core/port/service.ts";
import type { PortLimits } from "./limits.ts";
import type { Stall } from "./progress.ts";
import { Progress, stallOf } from "./progress.ts";
import { PortSlots } from "./slots.ts";

/** One exchange's place among those that are open; it counts as activity of its capsule until `end`. */
export interface OpenExchange {
  /** From here on `onStall` is called once neither side moves for too long. */
  watch(request: IncomingMessage, response: ServerResponse, capsule: Duplex, onStall: (stall: Stall) => void): void;
  /** The same for a WebSocket, whose client is cut off then; once it is open it may be silent for ever, but not leave what was sent unread. */
  watchTunnel(client: Duplex, capsule: Duplex, isOpen: () => boolean): void;
  end(): void;
}

interface Entry {
  readonly keyId: string | null;
  readonly client: Duplex | ServerResponse;
  isTunnel: boolean;
  look: (now: number) => void;
}

/** What is open to ports: counted, looked at, and ended with the key that let it in. */
export class OpenExchanges {
  readonly #limits: PortLimits;
  readonly #slots: PortSlots;
  readonly #entries = new Set<Entry>();
  readonly #timer: NodeJS.Timeout;
  readonly #stopListening: () => void;

  constructor(limits: PortLimits, access: Pick<AccessService, "onRevoked">) {
    this.#limits = limits;
    this.#slots = new PortSlots(limits);
    this.#timer = setInterval(() => {
      const now = performance.now();
      for (const entry of this.#entries) entry.look(now);
    }, limits.checkMs);
    this.#timer.unref();
    this.#stopListening = access.onRevoked((keyId) => {
      for (const entry of this.#entries) if (entry.keyId === keyId) entry.client.destroy();
    });
  }

  /** Throws `connection_limit`. */
  take(target: PortTarget, keyId: string | null, client: Duplex | ServerResponse): OpenExchange {
    const release = this.#slots.take(target.capsuleId);
    const idle = target.begin();
    const entry: Entry = { keyId, client, isTunnel: false, look: () => {} };
    this.#entries.add(entry);
    const { stallMs, answerMs } = this.#limits;
    return {
      watch: (request, response, capsule, onStall) => {
        const progress = new Progress(request.socket, capsule);
        entry.look = (now) => {
          const stall = stallOf(request, response, progress.stillFor(now), this.#limits);
          if (stall === null) return;
          entry.look = () => {};
          onStall(stall);
        };
      },
      watchTunnel: (tunnelled, capsule, isOpen) => {
        const progress = new Progress(tunnelled, capsule);
        entry.isTunnel = true;
        entry.look = (now) => {
          const still = progress.stillFor(now);
          const isBehind = tunnelled.writableLength > 0 || capsule.writableLength > 0;
          if (isOpen() ? isBehind && still >= stallMs : still >= answerMs) tunnelled.destroy();
        };
      },
      end: () => {
        this.#entries.delete(entry);
        release();
        idle();
      },
    };
  }

  /** Ends WebSockets. */
  close(): void {
    clearInterval(this.#timer);
    this.#stopListening();
    for (const { isTunnel, client } of this.#entries) if (isTunnel) client.destroy();
  }
}
