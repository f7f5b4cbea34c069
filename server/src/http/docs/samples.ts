import type { OpenapiOperation, OpenapiSocket } from "@capsuled/contract";
import { escapeHtml } from "./html.ts";

/** Where the server is supposed to be until the page knows better. */
const ORIGIN = '<span class="origin">http://127.0.0.1:8080</span>';
const SOCKET_ORIGIN = '<span class="socket-origin">ws://127.0.0.1:8080</span>';

/** What goes into the path of a sample for each parameter. */
const SAMPLE_VALUES: Readonly<Record<string, string>> = {
  id: "cl-0c3n5yq1r9s8t7u6v5w4x3y2z",
  selector: "build",
  key_id: "key-0c3n5yq1r9s8t7u6v5w4x3y2z",
  owner: "alice",
  name: "deploy",
};
const RUN_ID = "run-0c3n5yq1r9s8t7u6v5w4x3y2z";

/** A command to paste into a shell. */
export function curlSample(method: string, path: string, operation: OpenapiOperation): string {
  const values: Readonly<Record<string, string>> = path.startsWith("/v1/runs/") ? { ...SAMPLE_VALUES, id: RUN_ID } : SAMPLE_VALUES;
  const target = escapeHtml(path.replaceAll(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole));
  if (operation["x-websocket"] !== undefined) return `websocat -H "X-API-Key: $CAPSULED_API_KEY" \\\n  ${SOCKET_ORIGIN}${target}`;
  const isStream = Object.values(operation.responses).some(({ content }) => content?.["text/event-stream"] !== undefined);
  const lines = [`curl${isStream ? " -N" : ""}${method === "get" ? "" : ` -X ${method.toUpperCase()}`} ${ORIGIN}${target}`];
  if (operation.security.length > 0) lines.push('-H "X-API-Key: $CAPSULED_API_KEY"');
  const example = operation.requestBody?.content["application/json"]?.example;
  if (typeof example === "string") lines.push("--data-binary @capsuled.yaml");
  else if (example !== undefined) lines.push('-H "Content-Type: application/json"', `-d '${escapeHtml(shellQuoted(example))}'`);
  return lines.join(" \\\n  ");
}

/** The messages of a socket's example, with who sends them. */
export function exchangeSample(socket: OpenapiSocket): string {
  return (socket.example ?? [])
    .map(({ from, message }) => `<span class="${from}">${from === "client" ? "→" : "←"}</span> ${highlighted(JSON.stringify(message))}`)
    .join("\n");
}

/** Server-Sent Events as they come. */
export function eventsSample(text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [field = "", ...rest] = line.split(": ");
      return rest.length === 0 ? escapeHtml(line) : `<span class="client">${escapeHtml(field)}:</span> ${highlighted(rest.join(": "))}`;
    })
    .join("\n");
}

export function jsonSample(value: unknown): string {
  return highlighted(JSON.stringify(value, null, 2));
}

/** Characters of a body that stays on one line. */
const LINE_CHARS_MAX = 44;

function shellQuoted(value: unknown): string {
  const line = JSON.stringify(value);
  return (line.length > LINE_CHARS_MAX ? JSON.stringify(value, null, 2) : line).replaceAll("'", "'\\''");
}

/** JSON with its names, texts and numbers told apart. */
function highlighted(json: string): string {
  return json.replaceAll(
    /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null|-?\d+(?:\.\d+)?)\b|[<>&]/g,
    (whole, text?: string, colon?: string, word?: string) => {
      if (text !== undefined) return `<span class="${colon === undefined ? "text" : "key"}">${escapeHtml(text)}</span>${colon ?? ""}`;
      return word === undefined ? escapeHtml(whole) : `<span class="word">${word}</span>`;
    },
  );
}
