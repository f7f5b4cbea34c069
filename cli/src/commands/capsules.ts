import { InvalidStateError } from "capsuled";
import type { Capsule, schemas } from "capsuled";
import type { Command } from "../command.ts";
import type { Context } from "../context.ts";
import { CREATE_OPTIONS, egressOf } from "../create-options.ts";
import { hintFor, OPTION_HINTS } from "../docker-habits.ts";
import { eachOf } from "../each-of.ts";
import { UsageError } from "../exit.ts";
import { newCapsule } from "../new-capsule.ts";
import { ago, bytesText, plain, statusOf, table } from "../table.ts";

export const create: Command = {
  name: "create",
  summary: "Create a capsule, and say its id",
  usage: "[--template T] [--name NAME]",
  options: CREATE_OPTIONS,
  hints: OPTION_HINTS,
  arguments: [0, 0],
  examples: ["capsuled create --template minimal --name box --memory 1024"],
  async run(context, given) {
    const capsule = await newCapsule(context, given);
    context.show(capsule.info, () => capsule.id);
  },
};

const STATUSES = ["pending", "starting", "running", "paused", "stopped", "error"] as const;

export const ls: Command = {
  name: "ls",
  summary: "List the capsules",
  usage: "[--status STATUS] [--label NAME=VALUE]",
  options: {
    status: { type: "string", value: "STATUS", choices: STATUSES, help: "Only those in this state." },
    label: { type: "string", short: "l", multiple: true, value: "NAME=VALUE", help: "Only those with this label." },
    all: { type: "boolean", short: "a", help: "As docker has it: all are listed anyway." },
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
      // One that is gone is `stopped` to the API.
      const gone = "reason" in facts && facts.reason === "destroyed" ? ": it was destroyed" : "";
      return `${name.padEnd(width)}  ${name === "status" ? `${statusOf(context, text)}${gone}` : plain(text)}`;
    })
    .join("\n");
}

/** What a command does to each capsule that is named. */
interface Act {
  readonly summary: string;
  /** What is said when it is done. */
  readonly done: string;
  /** The state of a capsule to which it need not be done any more; that is said, and no failure. */
  readonly already?: schemas.Capsule["status"];
  readonly options?: Command["options"];
  readonly act: (capsule: Capsule) => Promise<unknown>;
}

/** A command that does one thing to each capsule that is named. */
function each(name: string, { summary, done, already, options, act }: Act): Command {
  const actOn = async (context: Context, id: string): Promise<void> => {
    const capsule = await context.capsule(id);
    try {
      const result = await act(capsule);
      context.show(result ?? { id, done }, () => (context.destroyed === null ? `${id} ${done}` : `${id} was ${done} already`));
    } catch (error) {
      if (already === undefined || !(error instanceof InvalidStateError) || error.details["status"] !== already) throw error;
      if (context.destroyed !== null) throw error;
      context.show(await context.client.capsules.getInfo(id), () => `${id} is ${done} already`);
    }
  };
  return {
    name,
    summary,
    usage: "CAPSULE…",
    ...(options === undefined ? {} : { options }),
    arguments: [1, 1000],
    examples: [`capsuled ${name} box`],
    async run(context, given) {
      await eachOf(context, given.arguments, (id) => actOn(context, id));
    },
  };
}

export const pause = each("pause", {
  summary: "Freeze a capsule; memory and files are kept",
  done: "paused",
  already: "paused",
  act: (capsule) => capsule.pause(),
});
export const resume = each("resume", {
  summary: "Let a paused capsule go on",
  done: "running",
  already: "running",
  act: (capsule) => capsule.resume(),
});
export const halt = each("halt", {
  summary: "End a capsule's processes and keep its disk",
  done: "stopped",
  already: "stopped",
  act: (capsule) => capsule.stop(),
});
export const boot = each("boot", {
  summary: "Boot a halted capsule again from its disk",
  done: "running",
  already: "running",
  act: (capsule) => capsule.start(),
});
export const ping = each("ping", {
  summary: "Count as activity, so that a capsule is not paused",
  done: "noted",
  act: (capsule) => capsule.ping(),
});
export const rm = each("rm", {
  summary: "Destroy a capsule, its processes and its disk",
  done: "destroyed",
  options: { force: { type: "boolean", short: "f", help: "As docker has it: one that runs is destroyed anyway." } },
  act: (capsule) => capsule.destroy(),
});

export const network: Command = {
  name: "network",
  summary: "Say, or change, where a capsule may connect to",
  usage: "CAPSULE [--set none|allow|LIST]",
  options: {
    set: { type: "string", value: "none|allow|LIST", help: "Nowhere, the internet, or names and addresses with commas." },
    log: { type: "boolean", help: "Also what it tried lately." },
  },
  hints: hintFor("say --set none, allow, or names and addresses with commas", "--egress", "--allow", "--deny"),
  arguments: [1, 1],
  examples: ["capsuled network box --log", "capsuled network box --set pypi.org,203.0.113.0/24"],
  async run(context, given) {
    const capsule = await context.capsule(given.arguments[0] ?? "");
    const set = given.text("set");
    if (set !== undefined) await capsule.network.set({ egress: egressOf(set) });
    const report = await capsule.network.get({ log: given.flag("log") });
    context.show(report, () => reportOf(context, report));
  },
};

function reportOf(context: Context, { egress, address, allowed, refused, log }: schemas.NetworkReport): string {
  const rules = typeof egress === "string" ? [] : egress.allow;
  const where = typeof egress === "string" ? egress : `${rules.length} ${rules.length === 1 ? "entry" : "entries"}`;
  const counted = (one: schemas.NetworkReport["allowed"]): string =>
    one === null ? "-" : `${one.packets} packets, ${bytesText(one.bytes)}`;
  const facts = [
    ["egress", where],
    ...rules.map(({ to, ports }) => ["", ports.length === 0 ? to : `${to} on ${ports.join(", ")}`]),
    ["address", address ?? "-"],
    ["allowed", counted(allowed)],
    ["refused", counted(refused)],
  ].map(([name = "", value = ""]) => `${name.padEnd(7)}  ${plain(value)}`.trimEnd());
  const lines = (log ?? []).map((one) => [one.decision, one.address, `${one.protocol}/${one.port}`, String(one.packets), ago(one.last_at)]);
  return [...facts, ...(log === null ? [] : ["", table(context, ["DECISION", "ADDRESS", "PORT", "PACKETS", "LAST"], lines)])].join("\n");
}
