import { readFileSync } from "node:fs";
import { ApiError, NotFoundError } from "capsuled";
import type { schemas } from "capsuled";
import type { Command } from "../command.ts";
import type { Context } from "../context.ts";
import { eachOf } from "../each-of.ts";
import { EXIT, ExitError, UsageError } from "../exit.ts";
import { ago, coloured, plain, statusOf, table } from "../table.ts";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export const endpointsLs: Command = {
  name: "endpoints ls",
  summary: "List the endpoints",
  usage: "",
  arguments: [0, 0],
  examples: ["capsuled endpoints ls"],
  async run(context) {
    const found = await all(context.client.endpoints.list());
    context.show(found, () =>
      table(
        context,
        ["NAME", "METHODS", "URL", "COMMAND"],
        found.map((one) => [one.name, one.method.join(","), one.url, plain(one.command)]),
      ),
    );
  },
};

export const endpointsApply: Command = {
  name: "endpoints apply",
  summary: "Publish all endpoints of a YAML file",
  usage: "-f FILE [--dry-run] [--prune]",
  options: {
    file: { type: "string", short: "f", value: "FILE", help: "The file; - is standard input." },
    "dry-run": { type: "boolean", help: "Say what would change, and change nothing." },
    prune: { type: "boolean", help: "Also take away endpoints that the file does not name." },
  },
  arguments: [0, 0],
  examples: ["capsuled endpoints apply -f capsuled.yaml --dry-run"],
  async run(context, given) {
    const file = given.text("file");
    if (file === undefined) throw new UsageError("say which file: capsuled endpoints apply -f capsuled.yaml");
    const yaml = readFileSync(file === "-" ? 0 : file, "utf8");
    const options = { dryRun: given.flag("dry-run"), prune: given.flag("prune") };
    const result = await context.client.endpoints.apply(yaml, options).catch((error: unknown) => {
      const places = placesIn(error, file === "-" ? "standard input" : file);
      throw places.length === 0
        ? error
        : new ExitError(EXIT.failure, ["the file is not right, and nothing was changed:", ...places].join("\n"), { cause: error });
    });
    context.show(result, () =>
      [
        ...result.changes.map(
          ({ name, change, fields }) => `${change.padEnd(9)}  ${name}${fields.length === 0 ? "" : ` (${fields.join(", ")})`}`,
        ),
        ...result.warnings.map((warning) => coloured(context, "yellow", placeOf(file === "-" ? "standard input" : file, warning))),
        ...(result.applied ? [] : ["nothing was changed"]),
      ].join("\n"),
    );
  },
};

interface FileNote {
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}

/** As compilers write it, so that editors find the place. */
function placeOf(file: string, { line, column, path, message }: FileNote): string {
  return plain(`${file}:${line}:${column}: ${path === "" ? "" : `${path}: `}${message}`);
}

/** What is wrong with a file, each problem once, on lines of their own; none where that is not what is wrong. */
export function placesIn(error: unknown, file: string): readonly string[] {
  if (!(error instanceof ApiError)) return [];
  const { problems } = error.details;
  if (!Array.isArray(problems)) return [];
  const places = problems.filter(isFileNote).map((note) => placeOf(file, note));
  const untold = Number(/^[^\n]*\(and (\d+) more\)/.exec(error.message)?.[1] ?? 0) + 1 - places.length;
  return [...new Set(places), ...(places.length > 0 && untold > 0 ? [`and ${untold} more`] : [])];
}

function isFileNote(value: unknown): value is FileNote {
  if (typeof value !== "object" || value === null) return false;
  const is = (type: "number" | "string", ...names: string[]): boolean => names.every((name) => typeof Reflect.get(value, name) === type);
  return is("number", "line", "column") && is("string", "path", "message");
}

export const endpointsRm: Command = {
  name: "endpoints rm",
  summary: "Take an endpoint away; its runs are kept",
  usage: "ENDPOINT…",
  arguments: [1, 1000],
  examples: ["capsuled endpoints rm deploy"],
  async run(context, given) {
    await eachOf(context, given.arguments, async (name) => {
      await requireEndpoint(context, name);
      await context.client.endpoints.delete(name);
      context.show({ name }, () => `${name} is gone`);
    });
  },
};

/** To take away what is not there is no error of the API, and a slip of who types it. */
async function requireEndpoint(context: Context, name: string): Promise<void> {
  try {
    await context.client.endpoints.get(name);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new ExitError(
      EXIT.failure,
      `There is no endpoint ${JSON.stringify(name)}: \`capsuled endpoints ls\` lists those that there are.`,
      { cause: error },
    );
  }
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

export const endpointsCall: Command = {
  name: "endpoints call",
  summary: "Call an endpoint, and pass on its lines and its exit code",
  usage: "ENDPOINT [ARGUMENT=VALUE…]",
  options: { method: { type: "string", value: "METHOD", choices: METHODS, help: "POST, or the first that it takes, by default." } },
  arguments: [1, 1000],
  examples: ["capsuled endpoints call deploy branch=main"],
  async run(context, given) {
    const [name = "", ...pairs] = given.arguments;
    const args = Object.fromEntries(
      pairs.map((pair) => {
        const equals = pair.indexOf("=");
        if (equals < 1) throw new UsageError(`arguments are NAME=VALUE, not ${JSON.stringify(pair)}`);
        return [pair.slice(0, equals), pair.slice(equals + 1)];
      }),
    );
    const wanted = given.text("method")?.toUpperCase();
    const method = METHODS.find((one) => one === wanted);
    if (wanted !== undefined && method === undefined) throw new UsageError("--method is GET, POST, PUT, PATCH or DELETE");
    await passOn(context, context.client.endpoints.stream(name, args, { method }));
  },
};

/** Passes a call's lines on, each to its stream; sets the exit code. */
async function passOn(context: Context, events: AsyncIterable<schemas.CallEvent>): Promise<void> {
  for await (const event of events) {
    if (context.json) context.say(JSON.stringify(event));
    switch (event.type) {
      case "output": {
        if (context.json) break;
        const bytes = Buffer.from(event.data, event.encoding === "base64" ? "base64" : "utf8");
        await context.write(event.stream, event.partial === true ? bytes : Buffer.concat([bytes, Buffer.from("\n")]));
        break;
      }
      case "transformed_output":
        if (!context.json) context.say(JSON.stringify(event.data, null, 2));
        break;
      case "gap":
        if (!context.json) context.note(`capsuled: ${event.stdout_bytes + event.stderr_bytes} bytes are not kept any more`);
        break;
      case "done":
        context.process.exitCode = event.exit_code;
        break;
      case "error":
        throw new ExitError(event.reason === "timed_out" ? EXIT.timeout : EXIT.failure, event.error);
    }
  }
}

export const runs: Command = {
  name: "runs",
  summary: "List runs of the endpoints, newest first",
  usage: "[--endpoint ENDPOINT] [--limit N]",
  options: {
    endpoint: { type: "string", value: "ENDPOINT", help: "Only of this endpoint." },
    limit: { type: "string", value: "N", help: "At most so many; 20 by default." },
  },
  arguments: [0, 0],
  examples: ["capsuled runs --endpoint deploy"],
  async run(context, given) {
    const limit = given.number("limit") ?? 20;
    const endpoint = given.text("endpoint");
    const found: schemas.Run[] = [];
    for await (const one of context.client.runs.list({ endpoint })) {
      if (found.length >= limit) break;
      found.push(one);
    }
    // An endpoint that was taken away has its runs still.
    if (endpoint !== undefined && limit > 0 && found.length === 0) await requireEndpoint(context, endpoint);
    context.show(found, () =>
      table(
        context,
        ["ID", "ENDPOINT", "STATUS", "EXIT", "SOURCE", "BEGAN"],
        found.map((one) => [
          one.id,
          one.endpoint,
          statusOf(context, one.status),
          String(one.exit_code ?? "-"),
          one.source,
          ago(one.created_at),
        ]),
      ),
    );
  },
};

export const runsLogs: Command = {
  name: "runs logs",
  summary: "Pass on a run's lines, also while it runs",
  usage: "RUN",
  arguments: [1, 1],
  examples: ["capsuled runs logs run-…"],
  async run(context, given) {
    await passOn(context, context.client.runs.stream(given.arguments[0] ?? ""));
  },
};

export const runsCancel: Command = {
  name: "runs cancel",
  summary: "End a run, or take it out of the queue",
  usage: "RUN",
  arguments: [1, 1],
  examples: ["capsuled runs cancel run-…"],
  async run(context, given) {
    const [id = ""] = given.arguments;
    const before = await context.client.runs.get(id);
    const found = await context.client.runs.cancel(id);
    const hadEnded = before.ended_at !== null;
    context.show(found, () => (hadEnded ? `${found.id} had ended already: ${found.status}` : `${found.id} ${found.status}`));
  },
};
