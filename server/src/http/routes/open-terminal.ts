import { socketRoute } from "../route.ts";
import { createTerminalSession } from "../sockets/terminal-session.ts";

export const openTerminal = socketRoute("openTerminal", async ({ caller, params }, deps) =>
  createTerminalSession(params.id, await deps.processes.prepareTerminal(caller, params.id), deps),
);
