import type { FileChange, FileWatch } from "../core/ports/agent-files.ts";
import type { AgentConnection, OperationListener } from "./connection.ts";
import { openBytes } from "./first-frame.ts";
import { readChange, readWatchEnd, readWatchHead } from "./file-messages.ts";
import { FRAME, ProtocolError } from "./frame.ts";
import { readRefusal } from "./messages.ts";

/** Bytes of changes that wait to be taken, from which on no more is read: the rest waits in the capsule, whose kernel says what it drops. */
export const HELD_CHANGES_BYTES = 256 * 1024;

/** Begins to watch and resolves once changes are seen. Throws `AgentRefusal` and `AgentLostError`. */
export function openWatch(connection: AgentConnection, opening: Buffer): Promise<FileWatch> {
  return openBytes(connection, opening, (type, payload) => {
    if (type !== FRAME.head) throw new ProtocolError(`frame 0x${type.toString(16)} for a head`);
    const changes = new Changes(connection, readWatchHead(payload));
    connection.begin(changes);
    return changes;
  });
}

/** Changes as they come, held until they are asked for. */
class Changes implements FileWatch, OperationListener {
  readonly directories: number;
  readonly #connection: AgentConnection;
  #held: FileChange[] = [];
  #heldBytes = 0;
  #isOver = false;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(connection: AgentConnection, directories: number) {
    this.#connection = connection;
    this.directories = directories;
  }

  async next(): Promise<readonly FileChange[] | null> {
    for (;;) {
      if (this.#held.length > 0) return this.#take();
      if (this.#failure !== null) throw this.#failure;
      if (this.#isOver) return null;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  close(): void {
    this.#isOver = true;
    this.#held = [];
    this.#connection.detach();
    this.#tell();
  }

  frame(type: number, payload: Buffer): void {
    switch (type) {
      case FRAME.entry:
        this.#held.push(readChange(payload));
        this.#heldBytes += payload.length;
        if (this.#heldBytes >= HELD_CHANGES_BYTES) this.#connection.pause();
        return this.#tell();
      case FRAME.result:
        readWatchEnd(payload);
        return this.#finish(null);
      case FRAME.error:
        return this.#finish(readRefusal(payload));
      default:
        throw new ProtocolError(`frame 0x${type.toString(16)} among changes`);
    }
  }

  lost(error: Error): void {
    this.#failure = error;
    this.#tell();
  }

  #take(): readonly FileChange[] {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    this.#connection.resume();
    return held;
  }

  #finish(failure: Error | null): void {
    this.#isOver = true;
    this.#failure = failure;
    this.#connection.detach();
    this.#tell();
  }

  #tell(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
