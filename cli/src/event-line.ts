import type { schemas } from "capsuled";
import type { Context } from "./context.ts";
import { coloured, plain } from "./table.ts";
import { padTo, widthOf, wrapped } from "./text-width.ts";

/** Characters of the columns. A name that is longer moves the rest of its line. */
const TYPE_CHARS = 17;
const NAME_CHARS = 12;
const INDENT = "  ";

/** An event on one line: when, what, to which capsule, and why, how it ended or what was started. */
export function eventLine(context: Context, event: schemas.Event, name: string | null): string {
  const type = isBad(event) ? coloured(context, "red", event.type) : event.type;
  const what = plain(whatOf(event));
  const time = coloured(context, "dim", event.time);
  const line = [time, padTo(type, TYPE_CHARS), event.capsule_id, padTo(plain(name ?? "-"), NAME_CHARS), what].join("  ").trimEnd();
  const { columns } = context;
  if (columns === undefined || widthOf(line) <= columns) return line;
  return inLines([time, type, event.capsule_id, ...(name === null ? [] : [plain(name)]), ...(what === "" ? [] : [what])], columns);
}

/** What does not fit on one line of a terminal: each part behind the one before it, else on lines of its own, which are indented. */
function inLines(parts: readonly string[], columns: number): string {
  const lines: string[] = [];
  for (const part of parts) {
    const longer = `${lines.at(-1) ?? ""}  ${part}`;
    if (lines.length === 0) lines.push(part);
    else if (widthOf(longer) <= columns) lines[lines.length - 1] = longer;
    else lines.push(...wrapped(part, columns - INDENT.length).map((line) => `${INDENT}${line}`));
  }
  return lines.join("\n");
}

function isBad(event: schemas.Event): boolean {
  if (event.type === "capsule.error") return true;
  return event.type === "process.ended" && event.data.exit_code !== 0;
}

function whatOf(event: schemas.Event): string {
  switch (event.type) {
    case "capsule.created":
      return `template ${event.data.template}, ${event.data.vcpus} vcpu, ${event.data.memory_mb} MiB`;
    case "capsule.stopped":
    case "capsule.error":
    case "capsule.destroyed":
      return event.data.message === null ? event.data.reason : `${event.data.reason}: ${event.data.message}`;
    case "process.started":
      return `${processOf(event)}: ${commandOf(event.data)}`;
    case "process.ended":
      return `${processOf(event)} ${endOf(event.data)}: ${commandOf(event.data)}`;
    case "capsule.running":
    case "capsule.paused":
    case "capsule.resumed":
      return event.actor.type === "system" ? `by the server (${event.actor.id})` : "";
  }
}

/** What `kill` and `logs` take for it. */
function processOf({ process_id: id, data }: Extract<schemas.Event, { type: "process.started" | "process.ended" }>): string {
  return data.tag === "" ? (id ?? String(data.pid)) : data.tag;
}

/** How a process ended, behind its name. */
export function endOf(facts: Pick<schemas.ProcessFacts, "reason" | "exit_code" | "signal">): string {
  const { exit_code: code, signal } = facts;
  const reason = facts.reason ?? "ended";
  if (code === null) return `${reason}, its end was not seen`;
  return signal === null ? `${reason} with ${code}` : `${reason} by ${signal} (${code})`;
}

function commandOf({ cmd, args }: { readonly cmd: string; readonly args: readonly string[] }): string {
  return [cmd, ...args].join(" ");
}
