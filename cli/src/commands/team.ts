import type { Command } from "../command.ts";
import { CapsuleNames } from "../capsule-names.ts";
import { eachOf } from "../each-of.ts";
import { eventLine } from "../event-line.ts";
import { UsageError } from "../exit.ts";
import { interruptible } from "../interrupt.ts";
import { ago, plain, table } from "../table.ts";

export const keysLs: Command = {
  name: "keys ls",
  summary: "List the team's API keys",
  usage: "",
  arguments: [0, 0],
  examples: ["capsuled keys ls"],
  async run(context) {
    const found = await context.client.keys.list();
    context.show(found, () =>
      table(
        context,
        ["ID", "NAME", "ROLE", "BEGINS", "USED"],
        found.map((one) => [one.id, plain(one.name), one.role, one.key_prefix, ago(one.last_used)]),
      ),
    );
  },
};

export const keysCreate: Command = {
  name: "keys create",
  summary: "Make an API key; it is shown this once",
  usage: "[--name NAME] [--role ROLE]",
  options: {
    name: { type: "string", value: "NAME", help: "What it is for." },
    role: { type: "string", value: "ROLE", choices: ["member", "admin"], help: "member, the default, or admin." },
  },
  arguments: [0, 0],
  examples: ["capsuled keys create --name ci"],
  async run(context, given) {
    const role = given.text("role") ?? "member";
    if (role !== "member" && role !== "admin") throw new UsageError("--role is member or admin");
    const made = await context.client.keys.create({ name: given.text("name"), role });
    context.show(made, () => made.key);
  },
};

export const keysRevoke: Command = {
  name: "keys revoke",
  summary: "Take an API key away",
  usage: "KEY-ID…",
  arguments: [1, 1000],
  examples: ["capsuled keys revoke key-…"],
  async run(context, given) {
    await eachOf(context, given.arguments, async (id) => {
      await context.client.keys.revoke(id);
      context.show({ id }, () => `${id} is revoked`);
    });
  },
};

export const teamsLs: Command = {
  name: "teams ls",
  summary: "List teams: your own, or all for the first team's admin",
  usage: "",
  arguments: [0, 0],
  examples: ["capsuled teams ls"],
  async run(context) {
    const found = await context.client.teams.list();
    context.show(found, () =>
      table(
        context,
        ["ID", "SLUG", "NAME", "MADE"],
        found.map((one) => [one.id, one.slug, plain(one.name), ago(one.created_at)]),
      ),
    );
  },
};

export const teamsCreate: Command = {
  name: "teams create",
  summary: "Make a team, and show its first key this once",
  usage: "NAME [--slug SLUG]",
  options: { slug: { type: "string", value: "SLUG", help: "Its part of URLs; made from the name by default." } },
  arguments: [1, 1],
  examples: ["capsuled teams create Builders --slug builders"],
  async run(context, given) {
    const [name = ""] = given.arguments;
    const others = (await context.client.teams.list()).filter((team) => team.name === name.trim());
    const made = await context.client.teams.create({ name, slug: given.text("slug") });
    if (others.length > 0 && !context.json)
      context.note(`capsuled: this is another team of that name; there is one with the slug ${others.map(({ slug }) => slug).join(", ")}`);
    context.show(made, () => `${made.team.slug}\n${made.key.key}`);
  },
};

export const events: Command = {
  name: "events",
  summary: "Say what happened to the capsules, newest first; with -f, what happens, newest last",
  usage: "[-f] [--capsule CAPSULE]",
  options: {
    follow: { type: "boolean", short: "f", help: "Go on until Ctrl-C." },
    capsule: { type: "string", value: "CAPSULE", help: "Only of this capsule and its processes." },
    limit: { type: "string", value: "N", help: "Without -f: at most so many; 50 by default." },
  },
  arguments: [0, 0],
  examples: ["capsuled events -f", "capsuled events --capsule box --limit 10"],
  async run(context, given) {
    const word = given.text("capsule");
    const isFollowed = given.flag("follow");
    if (isFollowed) await context.waitForServer();
    const capsule = word === undefined ? undefined : await context.capsuleId(word);
    let left = isFollowed ? Number.POSITIVE_INFINITY : (given.number("limit") ?? 50);
    const names = new CapsuleNames(context.client);
    await interruptible(context.process, async (signal) => {
      const { events: told } = context.client;
      for await (const event of isFollowed ? told.follow({ capsule, signal }) : told.list({ capsule, signal })) {
        if (left <= 0) return;
        left -= 1;
        if (context.json) context.say(JSON.stringify(event));
        else if (event.type === "gap") context.say(`events ${event.from_id} to ${event.to_id} are not kept any more`);
        else context.say(eventLine(context, event, await names.of(event)));
      }
    });
  },
};
