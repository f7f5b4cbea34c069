import { runningCapsule } from "../capsule/running.ts";
import type { ProcessDeps } from "./deps.ts";
import { elseEnded } from "./else-ended.ts";
import { execCommand } from "./exec.ts";
import { getProcess } from "./get-process.ts";
import { killProcess } from "./kill.ts";
import { attachProcess, prepareStream } from "./open-stream.ts";
import { prepareTerminal } from "./open-terminal.ts";
import { readOutput } from "./read-output.ts";
import { refusalToError } from "./refusal.ts";
import type { ProcessService } from "./service.ts";

/** The use cases of processes over one set of dependencies. */
export function createProcessService(deps: ProcessDeps): ProcessService {
  return {
    exec: (principal, capsuleId, input, signal, intent) =>
      elseEnded(deps, capsuleId, execCommand(deps, principal, capsuleId, input, signal, intent)),
    async prepareStream(principal, capsuleId) {
      const target = await prepareStream(deps, principal, capsuleId);
      return { start: (input) => elseEnded(deps, capsuleId, target.start(input)) };
    },
    async prepareTerminal(principal, capsuleId) {
      const target = await prepareTerminal(deps, principal, capsuleId);
      return {
        start: (input) => elseEnded(deps, capsuleId, target.start(input)),
        connect: (input) => elseEnded(deps, capsuleId, target.connect(input)),
      };
    },
    attach: (principal, capsuleId, selector, from) => elseEnded(deps, capsuleId, attachProcess(deps, principal, capsuleId, selector, from)),
    async list(principal, capsuleId) {
      const live = await runningCapsule(deps, principal, capsuleId);
      return elseEnded(deps, capsuleId, live.link.list().catch(refuse));
    },
    get: (principal, capsuleId, selector) => getProcess(deps, principal, capsuleId, selector),
    output: (principal, capsuleId, selector, input) => elseEnded(deps, capsuleId, readOutput(deps, principal, capsuleId, selector, input)),
    kill: (principal, capsuleId, selector, signal, intent) =>
      elseEnded(deps, capsuleId, killProcess(deps, principal, capsuleId, selector, signal, intent)),
    onCapsuleGone(capsuleId, listener) {
      return deps.live.get(capsuleId)?.onGone(listener) ?? ((): void => {});
    },
  };
}

function refuse(error: unknown): never {
  throw refusalToError(error);
}
