import { runningCapsule } from "../capsule/running.ts";
import type { ProcessDeps } from "./deps.ts";
import { execCommand } from "./exec.ts";
import { attachProcess, prepareStream } from "./open-stream.ts";
import { refusalToError } from "./refusal.ts";
import type { ProcessService } from "./service.ts";

/** The use cases of processes over one set of dependencies. */
export function createProcessService(deps: ProcessDeps): ProcessService {
  return {
    exec: (principal, capsuleId, input, signal) => execCommand(deps, principal, capsuleId, input, signal),
    prepareStream: (principal, capsuleId) => prepareStream(deps, principal, capsuleId),
    attach: (principal, capsuleId, selector, from) => attachProcess(deps, principal, capsuleId, selector, from),
    async list(principal, capsuleId) {
      const live = await runningCapsule(deps, principal, capsuleId);
      return live.link.list().catch(refuse);
    },
    async kill(principal, capsuleId, selector, signal) {
      const live = await runningCapsule(deps, principal, capsuleId);
      live.touch(deps.clock.now());
      await live.link.signal(selector, signal, principal.keyId).catch(refuse);
    },
    onCapsuleGone(capsuleId, listener) {
      return deps.live.get(capsuleId)?.onGone(listener) ?? ((): void => {});
    },
  };
}

function refuse(error: unknown): never {
  throw refusalToError(error);
}
