import type { ServerMessage, StreamErrorCode } from "@capsuled/contract";
import type { GapRecord, ProcessEnd, Started } from "../../core/ports/agent-link.ts";
import type { OutboundOutput } from "./outbound.ts";
import { renderExitFacts } from "../render/end-facts.ts";

function render(message: ServerMessage): string {
  return JSON.stringify(message);
}

/** `window`: characters that a client which acknowledges is sent beyond its last `ack`. */
export function renderStart(started: Started, window: number): string {
  const { pid, id, tag, nextSeq, stdin } = started;
  const given = stdin?.isPlaced === true ? { stdin: { bytes: stdin.bytes, closed: stdin.closed } } : {};
  return render({ type: "start", pid, id, tag, next_seq: nextSeq, window, ...given });
}

export function renderStdinAck(bytes: number): string {
  return render({ type: "stdin_ack", bytes });
}

/** By hand, since this is where the bytes are: one pass over the data and no object. */
export function renderOutput(output: OutboundOutput): string {
  const data = output.encoding === "base64" ? `"${output.data}","encoding":"base64"` : JSON.stringify(output.data);
  const first = output.firstSeq === output.seq ? "" : `,"first_seq":${output.firstSeq}`;
  return `{"type":"${output.kind}","data":${data},"seq":${output.seq}${first}}`;
}

export function renderGap(gap: GapRecord): string {
  return render({ type: "gap", from_seq: gap.fromSeq, seq: gap.toSeq, stdout_bytes: gap.stdoutBytes, stderr_bytes: gap.stderrBytes });
}

export function renderExit(end: ProcessEnd): string {
  return render(renderExitFacts(end));
}

/** `text` is for people and goes into `data`, where clients of the documented protocol look for it. */
export function renderError(code: StreamErrorCode, text: string): string {
  return render({ type: "error", data: text, code });
}
