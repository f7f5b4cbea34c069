import { LIMITS } from "@capsuled/contract";
import type { Duplex } from "node:stream";
import type { Principal } from "../access/principal.ts";
import { changeSetting } from "../capsule/change-setting.ts";
import type { CapsuleDeps } from "../capsule/deps.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { noCapsule, ownedCapsule } from "../capsule/owned.ts";
import { runningCapsule } from "../capsule/running.ts";
import type { CapsuleState } from "../capsule/state.ts";
import { CapsuledError, fail, invalid } from "../fail.ts";
import type { Hmac } from "../ports/hmac.ts";
import { refusalToError } from "../process/refusal.ts";
import { askAgent } from "./ask-agent.ts";
import { dialPort } from "./dial.ts";
import type { PortService, PortTarget } from "./service.ts";
import { expiryOfToken, signPort } from "./token.ts";
import { Waker } from "./wake.ts";

export interface PortDeps extends CapsuleDeps {
  readonly hmac: Hmac;
  /** Signs tokens; this installation's own. */
  readonly tokenKey: Uint8Array;
}

/** The use cases of ports over one set of dependencies. */
export function createPortService(deps: PortDeps): PortService {
  const { clock, hmac, tokenKey } = deps;
  const waker = new Waker(deps);
  const expiryOf = (token: string, capsuleId: string, port: number): number | undefined => {
    const expiresAt = expiryOfToken(hmac, tokenKey, capsuleId, port, token);
    return expiresAt === undefined || expiresAt <= clock.now() ? undefined : expiresAt;
  };
  const isPublic = (capsuleId: string, port: number): boolean => deps.live.get(capsuleId)?.record.publicPorts.includes(port) === true;
  const open = async (principal: Principal, capsuleId: string, port: number): Promise<PortTarget> =>
    targetOf(deps, waker, await waker.running(principal, capsuleId), principal, port);
  return {
    expiryOf,
    isPublic,
    open,
    async openSigned(token, capsuleId, port) {
      if (expiryOf(token, capsuleId, port) === undefined) throw fail("unauthorized", "The link to this port is not valid any more.");
      const record = deps.live.get(capsuleId)?.record ?? (await deps.store.find(capsuleId));
      if (record === undefined) throw noCapsule();
      return open(stranger(record.teamId), capsuleId, port);
    },
    async openPublic(capsuleId, port) {
      const live = deps.live.get(capsuleId);
      if (live === undefined || !isPublic(capsuleId, port)) throw fail("unauthorized");
      return open(stranger(live.record.teamId), capsuleId, port);
    },
    async sign(principal, capsuleId, port, ttlSec) {
      await ownedCapsule(deps.store, principal, capsuleId);
      const expiresAt = clock.now() + ttlSec * 1000;
      return { token: signPort(hmac, tokenKey, capsuleId, port, expiresAt), expiresAt };
    },
    async list(principal, capsuleId) {
      const live = await runningCapsule(deps, principal, capsuleId);
      const ports = await askAgent(deps, live, live.link.ports(), refusalToError);
      return ports.map((one) => ({ ...one, isPublic: isPublic(capsuleId, one.port) }));
    },
    async setPublic(principal, capsuleId, port, wanted) {
      await ownedCapsule(deps.store, principal, capsuleId);
      await changeSetting(deps, capsuleId, "a change of its ports", ({ publicPorts }) => {
        const others = publicPorts.filter((one) => one !== port);
        if (!wanted) return { publicPorts: others };
        if (others.length >= LIMITS.publicPortsMax) {
          throw invalid("public", `at most ${LIMITS.publicPortsMax} ports of a capsule are public at once`);
        }
        return { publicPorts: [...others, port].toSorted((a, b) => a - b) };
      });
    },
  };
}

/** Whoever has a link, or uses a public port: nobody that the team knows. */
function stranger(teamId: string): Principal {
  return { keyId: "port", teamId, role: "member", isFirstTeam: false };
}

const ALIVE: ReadonlySet<CapsuleState> = new Set(["running", "pausing", "paused", "resuming"]);

function targetOf(deps: PortDeps, waker: Waker, live: LiveCapsule, principal: Principal, port: number): PortTarget {
  const capsuleId = live.record.id;
  return {
    capsuleId,
    port,
    async dial(): Promise<Duplex> {
      try {
        return await dialPort(deps, live, port);
      } catch (error) {
        // It was paused between the look at its state and now.
        if (!live.record.autoResume || !(error instanceof CapsuledError) || error.code !== "invalid_state") throw error;
        return dialPort(deps, await waker.running(principal, capsuleId), port);
      }
    },
    isAlive: () => deps.live.get(capsuleId) === live && ALIVE.has(live.record.state),
    begin() {
      live.busy += 1;
      live.touch(deps.clock.now());
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        live.busy -= 1;
        live.touch(deps.clock.now());
      };
    },
  };
}
