import type { StartSpec } from "../core/ports/agent-link.ts";
import { encodeJson, FRAME } from "./frame.ts";

/** Milliseconds between the SIGTERM and the SIGKILL of an agent's own doing. */
export const KILL_GRACE_MS = 2000;

const ROOT = { uid: 0, gid: 0, groups: [] } as const;

/** The `start` frame of agent/PROTOCOL.md. */
export function encodeStart(spec: StartSpec, attach: boolean): Buffer {
  return encodeJson(FRAME.start, {
    id: spec.id,
    cmd: spec.cmd,
    args: spec.args,
    env: spec.env,
    cwd: spec.cwd,
    user: ROOT,
    tag: spec.tag,
    attach,
    stdin: spec.stdin,
    timeout_ms: spec.timeoutMs,
    kill_grace_ms: KILL_GRACE_MS,
    foreground: spec.foreground,
    busy: spec.busy,
    on_disconnect: spec.onDisconnect,
  });
}
