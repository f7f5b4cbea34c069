import { ApiError, InvalidStateError, NotFoundError, StreamError, TemplateNameTakenError } from "capsuled";
import type { Command } from "./command.ts";
import { isImageName } from "./docker-habits.ts";
import { quoted } from "./to-run.ts";

/** What an error is told with beside itself: whose options are meant, and which capsule was named. */
export interface Asked {
  readonly command: Command | null;
  /** As it was typed; `null` where none was. */
  readonly capsule: string | null;
  /** Whether that was destroyed before it was named, and what is known of why. */
  readonly destroyed?: Destroyed | null;
  /** Where the key came from that was sent. */
  readonly keyFrom: () => string;
}

/** A capsule that is gone; the API calls it stopped, for the reason `destroyed`. */
export interface Destroyed {
  /** In words; `null` where nothing more is known. */
  readonly message: string | null;
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
  if (error instanceof StreamError && error.code === "spawn_failed") return withoutArgs(imageSaying(error.message, asked) ?? error.message);
  if (error instanceof StreamError && error.code === "cwd_not_found") return `--cwd: ${error.message.replace(/\.$/, "")}, in the capsule`;
  if (error instanceof StreamError && error.message.startsWith("There is no ")) return withList(error.message, asked);
  if (!(error instanceof ApiError)) return null;
  if (error.code === "unauthorized")
    return `${error.message} The one that was sent is from ${asked.keyFrom()}; a server's first key is in the file \`admin-key\` of its data directory.`;
  if (error.code === "forbidden") return roleSaying(error, asked);
  if (error instanceof NotFoundError) return withList(error.message, asked);
  if (error instanceof InvalidStateError) return stateSaying(error, asked);
  if (error instanceof TemplateNameTakenError) return error.message.replace(/: delete it, or send overwrite\.$/, takenWays(error));
  const problems = problemsOf(error);
  if (problems.length === 0) return error.code === "invalid_request" ? withoutArgs(error.message) : null;
  return problems.map(({ field, message }) => `${optionOf(field, asked.command)} ${message}`.trim()).join("\n          ");
}

/** Who names an image where the program is to stand is told of templates. */
function imageSaying(message: string, { command }: Asked): string | null {
  const program = /^"?([^"\s]+)"?: (?:command )?not found/.exec(message)?.[1];
  if (command?.name !== "run" || program === undefined || !isImageName(program)) return null;
  return `There is no program ${JSON.stringify(program)} in the capsule. If that is an image: \`capsuled templates build --name NAME --image ${program}\` makes a template of it, and \`capsuled run --template NAME COMMAND\` runs in that.`;
}

/** Whose key it takes, where it is the key's role that is in the way. */
function roleSaying({ message }: ApiError, { command, keyFrom }: Asked): string | null {
  if (!/\brole\b|^Only an admin/.test(message)) return null;
  const sent = `The one that was sent is from ${keyFrom()}.`;
  if (command?.name.startsWith("teams ") === true)
    return `Only an admin's key of the first team can do that: the one in the file \`admin-key\` of the server's data directory is one. ${sent}`;
  return `Only a key with the role admin can do that: \`capsuled keys ls\` says which have it. ${sent}`;
}

/** A capsule that is in the wrong state, with the command that changes that. */
function stateSaying(error: InvalidStateError, { capsule, destroyed = null }: Asked): string {
  const { message } = error;
  if (destroyed !== null || error.details["state"] === "destroyed" || error.details["state"] === "destroying")
    return `This capsule was destroyed${destroyed === null || destroyed.message === null ? "." : `: ${destroyed.message}`}`;
  const cut = message.replace(
    /; POST …\/(?:resume lets it go on|start boots it again)\.(?: One that is created with auto_resume\b.*)?$/,
    ".",
  );
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
  if (list === undefined) return message;
  const what = message.replace(/\.$/, "");
  if (list !== "ps") return `${what}: \`capsuled ${list}\` lists them.`;
  const word = quoted(capsule ?? "CAPSULE");
  // A terminal that has ended cannot be attached to.
  const ended = first === "shell" ? "" : `, \`capsuled events --capsule ${word}\` tells of those that have ended`;
  return `${what}: \`capsuled ps ${word}\` lists those that run${ended}.`;
}

/** The command that lists what another one takes, by the other's first word. */
const LISTS: Readonly<Record<string, string>> = {
  templates: "templates ls",
  keys: "keys ls",
  runs: "runs",
  endpoints: "endpoints ls",
  kill: "ps",
  logs: "ps",
  shell: "ps",
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
