import { socketRoute } from "../route.ts";
import { createExecSession } from "../sockets/exec-session.ts";

export const execStream = socketRoute("execStream", async ({ caller, params }, deps) =>
  createExecSession(params.id, await deps.processes.prepareStream(caller, params.id), deps),
);
