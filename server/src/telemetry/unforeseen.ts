import type { Log } from "../core/ports/log.ts";

/** Where Node tells of rejections that nobody waits for: the process. */
export interface RejectionSource {
  on(event: "unhandledRejection", listener: (error: unknown) => void): unknown;
}

/**
 * A rejection that nobody waits for is a mistake of ours, and one request's or one capsule's matter: it is logged, and the others go on.
 * An exception outside of any promise ends the server as before, since nobody knows what it has left half done.
 */
export function tellUnforeseen(source: RejectionSource, log: Log): void {
  source.on("unhandledRejection", (error) => log.error({ error }, "unhandled rejection: nobody waited for what went wrong here"));
}
