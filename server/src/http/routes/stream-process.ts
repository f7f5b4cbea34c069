import { socketRoute } from "../route.ts";
import { createAttachSession } from "../sockets/attach-session.ts";

export const streamProcess = socketRoute("streamProcess", async ({ caller, params, query }, deps) =>
  createAttachSession(
    params.id,
    await deps.processes.attach(caller, params.id, params.selector, query.from),
    query.encoding ?? "utf-8",
    deps,
  ),
);
