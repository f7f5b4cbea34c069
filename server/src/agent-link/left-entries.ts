import type { LogEntry } from "../core/ports/agent-link.ts";
import { ProtocolError } from "./frame.ts";
import { readEntry } from "./messages.ts";

/** The entries of a log that an agent left, read from their JSON; what cannot be understood is left out. */
export function readLeftEntries(lines: readonly Uint8Array[]): readonly LogEntry[] {
  return lines.flatMap((line) => {
    try {
      return [readEntry(Buffer.from(line.buffer, line.byteOffset, line.byteLength))];
    } catch (error) {
      if (error instanceof ProtocolError) return [];
      throw error;
    }
  });
}
