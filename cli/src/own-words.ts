import { ApiError, InvalidStateError, NotFoundError, StreamError, TemplateNameTakenError } from "capsuled";
import type { Command } from "./command.ts";

/** What an error is told with beside itself: whose options are meant, and which capsule was named. */
export interface Asked {
  readonly command: Command | null;
  /** As it was typed; `null` where none was. */
  readonly capsule: string | null;
}

/** The options that stand for fields of the API, by the field's path without its last numbers. */
const OPTIONS: Readonly<Record<string, string>> = {
  memory_mb: "memory",
  disk_mb: "disk",
  timeout_sec: "ttl",
  timeout: "timeout",
  vcpus: "vcpus",
  name: "name",
  template: "template",
  metadata: "label",
  envs: "env",
  cwd: "cwd",
  tag: "tag",
  count: "count",
  slug: "slug",
  role: "role",
  signal: "signal",
  "network.egress": "egress",
  egress: "set",
};

/** What the server says of a request, in the words of the command line that made it; `null` where its own are as good. */
export function inOwnWords(error: unknown, asked: Asked): string | null {
  if (error instanceof StreamError && error.code === "spawn_failed") return withoutArgs(error.message);
  if (error instanceof StreamError && error.code === "cwd_not_found") return `--cwd: ${error.message.replace(/\.$/, "")}, in the capsule`;
  if (!(error instanceof ApiError)) return null;
  if (error instanceof NotFoundError) return withList(error.message, asked);
  if (error instanceof InvalidStateError) return stateSaying(error, asked);
  if (error instanceof TemplateNameTakenError) return error.message.replace(/: delete it, or send overwrite\.$/, takenWays(error));
  const problems = problemsOf(error);
  if (problems.length === 0) return error.code === "invalid_request" ? withoutArgs(error.message) : null;
  return problems.map(({ field, message }) => `${optionOf(field, asked.command)} ${message}`.trim()).join("\n          ");
}

/** A capsule that is in the wrong state, with the command that changes that. */
function stateSaying(error: InvalidStateError, { capsule }: Asked): string {
  const { message } = error;
  const cut = message.replace(/; POST …\/(?:resume lets it go on|start boots it again)\.$/, ".");
  const said = cut.replace(/: (stop|start)\b/, (_, verb: string) => `: ${verb === "stop" ? "halt" : "boot"}`);
  const { status } = error.details;
  const word = capsule ?? "CAPSULE";
  if (status === "paused" || /is (?:being )?paused\b/.test(said)) return `${said} \`capsuled resume ${word}\` lets it go on.`;
  if (cut !== message || /is stopped, not running/.test(said)) return `${said} \`capsuled boot ${word}\` boots it again from its disk.`;
  if (status === "stopped" || status === "error")
    return `${said} It has nothing to boot from: \`capsuled info ${word}\` says why, and \`capsuled rm ${word}\` takes it away.`;
  return said;
}

/** What is not there, with the command that lists what is. */
function withList(message: string, { command, capsule }: Asked): string {
  const [first = ""] = command?.name.split(" ") ?? [];
  const list = Object.hasOwn(LISTS, first) && !message.includes("build") ? LISTS[first] : undefined;
  return list === undefined
    ? message
    : `${message.replace(/\.$/, "")}: \`capsuled ${list}${list === "ps" ? ` ${capsule ?? ""}` : ""}\` lists them.`;
}

/** The command that lists what another one takes, by the other's first word. */
const LISTS: Readonly<Record<string, string>> = {
  templates: "templates ls",
  keys: "keys ls",
  runs: "runs",
  endpoints: "endpoints ls",
  kill: "ps",
  logs: "ps",
};

function takenWays({ message }: ApiError): string {
  const name = /named "([\w.-]+)"/.exec(message)?.[1] ?? "NAME";
  return `: \`capsuled templates rm ${name}\` deletes it, and --overwrite takes its place.`;
}

/** Who types a command line has no `args`: words of their own are the arguments. */
function withoutArgs(message: string): string {
  return message.replace(
    /\(it is taken as one program's name: [^\n]*"…"\]\)/,
    "(it is taken as one program's name: give its arguments as words of their own, without quotes around all, or a line of shell as sh -c '…')",
  );
}

interface Problem {
  readonly field: string;
  readonly message: string;
}

/** The bad fields, each problem once. */
function problemsOf({ details }: ApiError): readonly Problem[] {
  const { problems } = details;
  if (!Array.isArray(problems)) return [];
  const found = problems.flatMap((problem: unknown): readonly Problem[] => {
    if (typeof problem !== "object" || problem === null || !("message" in problem) || typeof problem.message !== "string") return [];
    const field = "field" in problem && typeof problem.field === "string" ? problem.field : "";
    return [{ field, message: problem.message }];
  });
  return found.filter((one, at) => found.findIndex(({ field, message }) => field === one.field && message === one.message) === at);
}

/** `--memory` for `memory_mb`, where the command has that option; else the field's own name. */
function optionOf(field: string, command: Command | null): string {
  if (field === "" || field === "body") return "";
  const parts = field.split(".");
  for (let length = parts.length; length > 0; length -= 1) {
    const option = optionAt(parts.slice(0, length).join("."), command);
    if (option !== null) return option + whichOf(parts.slice(length));
  }
  return `${field}:`;
}

function optionAt(path: string, command: Command | null): string | null {
  const name = Object.hasOwn(OPTIONS, path) ? OPTIONS[path] : undefined;
  const options = command?.options ?? {};
  return name !== undefined && Object.hasOwn(options, name) ? `--${name}` : null;
}

/** Which part of an option's value it is: `--egress, its entry 2,`, `--env NAME`. */
function whichOf(rest: readonly string[]): string {
  const last = rest.at(-1);
  if (last === undefined || last === "allow") return "";
  return /^\d+$/.test(last) ? `, its entry ${Number(last) + 1},` : ` ${last}`;
}
