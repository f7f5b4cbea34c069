import { LIMITS } from "@capsuled/contract";
import type { StreamErrorCode, TerminalServerMessage } from "@capsuled/contract";
import type { ProcessEnd, Started } from "../../core/ports/agent-link.ts";
import { renderExitFacts } from "../render/end-facts.ts";

export const PING = render({ type: "ping" });

function render(message: TerminalServerMessage): string {
  return JSON.stringify(message);
}

export function renderStarted(started: Started): string {
  const { cols, rows } = started.pty ?? { cols: LIMITS.terminalColsDefault, rows: LIMITS.terminalRowsDefault };
  return render({ type: "started", tag: started.tag, pid: started.pid, id: started.id, cols, rows, next_seq: started.nextSeq });
}

/** By hand: this is where the bytes are, and base64 needs no escapes. `seq` is for the piece that ends a record. */
export function renderOutput(data: string, seq: number | null, gapBytes: number): string {
  const ends = seq === null ? "" : `,"seq":${seq}`;
  return `{"type":"output","data":"${data}"${ends}${gapBytes === 0 ? "" : `,"gap_bytes":${gapBytes}`}}`;
}

export function renderExit(end: ProcessEnd, gapBytes: number): string {
  return render({ ...renderExitFacts(end), ...(gapBytes !== 0 && { gap_bytes: gapBytes }) });
}

/** `fatal` is left out of an error after which the terminal goes on. */
export function renderTerminalError(code: StreamErrorCode, text: string, fatal: boolean): string {
  return render({ type: "error", data: text, ...(fatal && { fatal }), code });
}
