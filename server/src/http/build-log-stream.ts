import type { BuildLogReader } from "../core/build/log-reader.ts";
import type { NumberedEntry } from "../core/build/record.ts";
import type { BodyStream } from "./answer.ts";

/** Milliseconds after which a browser comes back when the stream breaks off. */
const RETRY_MS = 1000;

/** A build's log as Server-Sent Events, at the client's pace, to its end. `leave` is called once, when it is over. */
export function buildLogStream(reader: BuildLogReader, keepAliveMs: number, leave: () => void): BodyStream {
  const end = (): void => {
    reader.close();
    leave();
  };
  return {
    cancel: end,
    async write(sink) {
      sink.onClose(() => reader.close());
      try {
        let isOpen = await sink.send(`retry: ${RETRY_MS}\n\n`);
        while (isOpen) {
          const entries = await reader.next(keepAliveMs);
          if (entries === null) return;
          isOpen = await sink.send(entries.length === 0 ? ": keep-alive\n\n" : entries.map(renderEntry).join(""));
        }
      } finally {
        end();
      }
    },
  };
}

function renderEntry({ seq, entry }: NumberedEntry): string {
  return `id: ${seq}\nevent: ${entry.type}\ndata: ${JSON.stringify(entry)}\n\n`;
}
