import type { StartSpec } from "../core/ports/agent-link.ts";
import { AgentRefusal } from "../core/ports/agent-link.ts";
import { encodeJson, FRAME, ProtocolError } from "./frame.ts";

/** Milliseconds between the SIGTERM and the SIGKILL of an agent's own doing. */
export const KILL_GRACE_MS = 2000;

const ROOT = { uid: 0, gid: 0, groups: [] } as const;

/**
 * The `start` frame of agent/PROTOCOL.md. Throws `AgentRefusal` `too_big` for one beyond a frame's bound, which a command
 * within the kernel's bounds can be: JSON writes a control character with six.
 */
export function encodeStart(spec: StartSpec, attach: boolean): Buffer {
  try {
    return encodeJson(FRAME.start, payloadOf(spec, attach));
  } catch (error) {
    if (error instanceof ProtocolError) throw new AgentRefusal("too_big", error.message, "args");
    throw error;
  }
}

function payloadOf(spec: StartSpec, attach: boolean) {
  return {
    id: spec.id,
    cmd: spec.cmd,
    args: spec.args,
    env: spec.env,
    cwd: spec.cwd,
    user: spec.user ?? ROOT,
    tag: spec.tag,
    attach,
    stdin: spec.stdin,
    timeout_ms: spec.timeoutMs,
    kill_grace_ms: KILL_GRACE_MS,
    foreground: spec.foreground,
    busy: spec.busy,
    on_disconnect: spec.onDisconnect,
    ...(spec.key !== undefined && { key: spec.key }),
    ...(spec.by !== undefined && { by: spec.by }),
    ...(spec.pty !== undefined && { pty: spec.pty }),
  };
}
