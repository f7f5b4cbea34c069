/** Builds under way at once on a server; the others wait for their turn. */
export const BUILDS_AT_ONCE = 2;
/** Builds of a team that wait or are under way. */
export const TEAM_BUILDS_MAX = 8;
/** UTF-16 units of output in a build's log; what comes beyond is counted. */
export const LOG_CHARS_MAX = 4 * 1024 * 1024;
/** Units of one entry of a log. */
export const ENTRY_CHARS_MAX = 16 * 1024;
/** Milliseconds that output may wait to be joined by more. */
export const LOG_WAIT_MS = 100;
/** Units of a failed step's output that its error quotes. */
export const LAST_CHARS = 4096;
/** Milliseconds after its end for which a build is kept, with its log. */
export const BUILD_KEPT_MS = 7 * 24 * 3600 * 1000;
/** Builds of a team that are kept. */
export const TEAM_BUILDS_KEPT = 1000;
/** Milliseconds after its last use for which a layer is kept. */
export const LAYER_KEPT_MS = 7 * 24 * 3600 * 1000;
/** Milliseconds that a cancelled build's capsule may take to be gone before the caller is answered. */
export const CANCEL_WAIT_MS = 30_000;
