import type { StreamErrorCode, WatchEnd, WatchMessage } from "@capsuled/contract";
import { CLOSE_CODES } from "@capsuled/contract";
import type { DirectoryWatch, WatchItem } from "../../core/file/directory-watch.ts";
import type { RouteDeps } from "../deps.ts";
import { renderNews, renderWatching } from "../render/watch.ts";
import type { SocketConnection } from "./connection.ts";
import { JunkCounter } from "./junk.ts";
import type { SocketSession } from "./session.ts";

/** Who watches a directory: takes what happens at its own pace, and sends nothing. */
export function createWatchSession(watch: DirectoryWatch, deps: RouteDeps): SocketSession {
  return new WatchSession(watch, deps);
}

class WatchSession implements SocketSession {
  readonly #watch: DirectoryWatch;
  readonly #deps: RouteDeps;
  #junk: JunkCounter | null = null;
  #seq = 1;

  constructor(watch: DirectoryWatch, deps: RouteDeps) {
    this.#watch = watch;
    this.#deps = deps;
  }

  open(connection: SocketConnection): void {
    connection.renderError = renderWatchError;
    this.#junk = new JunkCounter(connection, this.#deps.socketLimits.junkMax);
    this.#send(connection, renderWatching(this.#watch.directories));
    this.#follow(connection).catch((error: unknown) => {
      this.#deps.log.error({ err: error }, "a watch of files broke");
      connection.fail("internal_error", "Something went wrong on the server.", CLOSE_CODES.internal, "internal error");
    });
  }

  message(): void {
    this.#junk?.refuse("a watch takes no messages");
  }

  binary(): void {
    this.#junk?.refuse("a watch takes no messages");
  }

  closed(): void {
    this.#watch.close();
  }

  async #follow(connection: SocketConnection): Promise<void> {
    for (;;) {
      if (connection.isFull) await new Promise<void>((resolve) => (connection.onRoom = resolve));
      const items = await this.#watch.next(this.#deps.streamLimits.keepAliveMs);
      if (items.length === 0) return;
      for (const item of items) this.#take(connection, item);
    }
  }

  #take(connection: SocketConnection, item: WatchItem): void {
    // Sockets are kept alive by their pings.
    if (item.kind === "idle") return;
    this.#seq += 1;
    this.#send(connection, renderNews(item, this.#seq));
    if (item.kind === "ended") connection.finish(...CLOSES[item.reason]);
  }

  #send(connection: SocketConnection, message: WatchMessage): void {
    connection.send(JSON.stringify(message));
  }
}

const CLOSES: Readonly<Record<WatchEnd, readonly [code: number, reason: string]>> = {
  removed: [CLOSE_CODES.done, "removed"],
  watch_limit: [CLOSE_CODES.done, "watch limit"],
  capsule_stopped: [CLOSE_CODES.capsule_gone, "capsule gone"],
  capsule_destroyed: [CLOSE_CODES.capsule_gone, "capsule gone"],
  lost: [CLOSE_CODES.internal, "watch lost"],
};

function renderWatchError(code: StreamErrorCode, text: string): string {
  const data = code === "slow_consumer" ? "Changes were not read for too long. Watch again, and list the directory anew." : text;
  return JSON.stringify({ type: "error", data, code } satisfies WatchMessage);
}
