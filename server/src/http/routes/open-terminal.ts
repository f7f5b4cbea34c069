import { socketRoute } from "../route.ts";
import { framesOf } from "../sockets/terminal-frames.ts";
import { createTerminalSession } from "../sockets/terminal-session.ts";

export const openTerminal = socketRoute("openTerminal", async ({ caller, params }, deps, userAgent) =>
  createTerminalSession(params.id, await deps.processes.prepareTerminal(caller, params.id), deps, framesOf(userAgent)),
);
