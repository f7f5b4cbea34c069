import { socketRoute } from "../route.ts";
import { createWatchSession } from "../sockets/watch-session.ts";

export const watchFiles = socketRoute("watchFiles", async ({ caller, params, query }, deps) =>
  createWatchSession(await deps.files.watch(caller, params.id, query, query.recursive === "true"), deps),
);
