import { ApiError } from "capsuled";
import type { schemas } from "capsuled";
import type { Command } from "../command.ts";
import type { Context } from "../context.ts";
import { CREATE_OPTIONS, createOptions, egressOf } from "../create-options.ts";
import { ExitError, exitCodeOf, UsageError } from "../exit.ts";
import { inOwnWords } from "../own-words.ts";
import { withProgress } from "../progress.ts";
import { ago, plain, statusOf, table } from "../table.ts";

export const create: Command = {
  name: "create",
  summary: "Create a capsule, and say its id",
  usage: "[--template T] [--name NAME]",
  options: CREATE_OPTIONS,
  arguments: [0, 0],
  examples: ["capsuled create --template minimal --name box --memory 1024"],
  async run(context, given) {
    const capsule = await withProgress(context, "starting a capsule", context.client.capsules.create(createOptions(given)));
    context.show(capsule.info, () => capsule.id);
  },
};

const STATUSES = ["pending", "starting", "running", "paused", "stopped", "error"] as const;

export const ls: Command = {
  name: "ls",
  summary: "List the capsules",
  usage: "[--status STATUS] [--label NAME=VALUE]",
  options: {
    status: { type: "string", value: "STATUS", help: "Only those in this state." },
    label: { type: "string", short: "l", multiple: true, value: "NAME=VALUE", help: "Only those with this label." },
    quiet: { type: "boolean", short: "q", help: "Ids alone." },
  },
  arguments: [0, 0],
  examples: ["capsuled ls --status running", "capsuled ls -q | xargs capsuled rm"],
  async run(context, given) {
    const wanted = given.text("status");
    const status = STATUSES.find((one) => one === wanted);
    if (wanted !== undefined && status === undefined) throw new UsageError(`--status is one of ${STATUSES.join(", ")}`);
    const found: schemas.Capsule[] = [];
    for await (const capsule of context.client.capsules.list({ status, metadata: given.pairs("label") })) found.push(capsule);
    if (given.flag("quiet") && !context.json) return found.forEach(({ id }) => context.say(id));
    context.show(found, () =>
      table(
        context,
        ["ID", "NAME", "STATUS", "TEMPLATE", "MEMORY", "CREATED"],
        found.map((one) => [
          one.id,
          plain(one.name ?? "-"),
          statusOf(context, one.status),
          one.template,
          `${one.memory_mb} MiB`,
          ago(one.created_at),
        ]),
      ),
    );
  },
};

export const info: Command = {
  name: "info",
  summary: "Say what is known of a capsule",
  usage: "CAPSULE",
  arguments: [1, 1],
  examples: ["capsuled info box", "capsuled info cl-…"],
  async run(context, given) {
    const { info: found } = await context.capsule(given.arguments[0] ?? "");
    context.show(found, () => factsOf(context, found));
  },
};

function factsOf(context: Context, facts: object): string {
  const rows = Object.entries(facts).filter(([, value]) => value !== null);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows
    .map(([name, value]: [string, unknown]) => {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      return `${name.padEnd(width)}  ${name === "status" ? statusOf(context, text) : plain(text)}`;
    })
    .join("\n");
}

/** A command that does one thing to each capsule that is named. */
function each(name: string, summary: string, done: string, act: (context: Context, id: string) => Promise<unknown>): Command {
  return {
    name,
    summary,
    usage: "CAPSULE…",
    arguments: [1, 1000],
    examples: [`capsuled ${name} box`],
    async run(context, given) {
      let failure: unknown = null;
      for (const id of given.arguments) {
        try {
          const result = await act(context, id);
          context.show(result ?? { id, done }, () => `${id} ${done}`);
        } catch (error) {
          // One that is gone already keeps none of the others from it; no server at all does.
          if (id === given.arguments.at(-1) || !(error instanceof ApiError || error instanceof ExitError)) throw error;
          context.complain(inOwnWords(error, { command: null, capsule: id }) ?? error.message);
          failure = error;
        }
      }
      if (failure !== null) throw new ExitError(exitCodeOf(failure));
    },
  };
}

export const pause = each("pause", "Freeze a capsule; memory and files are kept", "paused", async (context, id) =>
  (await context.capsule(id)).pause(),
);
export const resume = each("resume", "Let a paused capsule go on", "running", async (context, id) => (await context.capsule(id)).resume());
export const halt = each("halt", "End a capsule's processes and keep its disk", "stopped", async (context, id) =>
  (await context.capsule(id)).stop(),
);
export const boot = each("boot", "Boot a halted capsule again from its disk", "running", async (context, id) =>
  (await context.capsule(id)).start(),
);
export const ping = each("ping", "Count as activity, so that a capsule is not paused", "noted", async (context, id) =>
  (await context.capsule(id)).ping(),
);
export const rm = each("rm", "Destroy a capsule, its processes and its disk", "destroyed", async (context, id) =>
  (await context.capsule(id)).destroy(),
);

export const network: Command = {
  name: "network",
  summary: "Say, or change, where a capsule may connect to",
  usage: "CAPSULE [--set none|allow|LIST]",
  options: {
    set: { type: "string", value: "none|allow|LIST", help: "Nowhere, the internet, or names and addresses with commas." },
    log: { type: "boolean", help: "Also what it tried lately." },
  },
  arguments: [1, 1],
  examples: ["capsuled network box --log", "capsuled network box --set pypi.org,203.0.113.0/24"],
  async run(context, given) {
    const capsule = await context.capsule(given.arguments[0] ?? "");
    const set = given.text("set");
    if (set !== undefined) await capsule.network.set({ egress: egressOf(set) });
    const report = await capsule.network.get({ log: given.flag("log") });
    context.show(report, () => {
      const { log, ...facts } = report;
      const lines = (log ?? []).map((one) => [
        one.decision,
        one.address,
        `${one.protocol}/${one.port}`,
        String(one.packets),
        ago(one.last_at),
      ]);
      return [
        factsOf(context, facts),
        ...(log === null ? [] : [table(context, ["DECISION", "ADDRESS", "PORT", "PACKETS", "LAST"], lines)]),
      ].join("\n");
    });
  },
};
