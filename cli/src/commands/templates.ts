import type { Command } from "../command.ts";
import { eachOf } from "../each-of.ts";
import { withProgress } from "../progress.ts";
import { ago, table } from "../table.ts";

export const snapshot: Command = {
  name: "snapshot",
  summary: "Keep a capsule's disk as a template",
  usage: "CAPSULE [--name NAME] [--overwrite]",
  options: {
    name: { type: "string", value: "NAME", help: "The template's name." },
    overwrite: { type: "boolean", help: "Take the place of the team's template of that name." },
  },
  arguments: [1, 1],
  examples: ["capsuled snapshot box --name with-dependencies"],
  async run(context, given) {
    const capsule = await context.capsule(given.arguments[0] ?? "");
    const work = capsule.snapshot({ name: given.text("name"), overwrite: given.flag("overwrite") });
    const made = await withProgress(context, "copying the disk", work);
    context.show(made, () => made.name);
  },
};

export const fork: Command = {
  name: "fork",
  summary: "Make capsules whose disks begin as another's is now",
  usage: "CAPSULE [--count N]",
  options: {
    count: { type: "string", value: "N", help: "How many; 1 by default." },
    name: { type: "string", value: "NAME", help: "Your name for it." },
  },
  arguments: [1, 1],
  examples: ["capsuled fork box --count 3"],
  async run(context, given) {
    const capsule = await context.capsule(given.arguments[0] ?? "");
    const made = await withProgress(context, "forking", capsule.fork({ count: given.number("count"), name: given.text("name") }));
    context.show(
      made.map(({ info }) => info),
      () => made.map(({ id }) => id).join("\n"),
    );
  },
};

export const templatesLs: Command = {
  name: "templates ls",
  summary: "List what capsules can be made from",
  usage: "",
  arguments: [0, 0],
  examples: ["capsuled templates ls"],
  async run(context) {
    const found = await context.client.templates.list();
    context.show(found, () =>
      table(
        context,
        ["NAME", "TYPE", "SIZE", "MADE"],
        found.map((one) => [one.name, one.type, `${Math.ceil(one.size_bytes / 1024 / 1024)} MiB`, ago(one.created_at)]),
      ),
    );
  },
};

export const templatesRm: Command = {
  name: "templates rm",
  summary: "Delete a template of the team; capsules of it go on",
  usage: "TEMPLATE…",
  arguments: [1, 1000],
  examples: ["capsuled templates rm with-dependencies"],
  async run(context, given) {
    await eachOf(context, given.arguments, async (name) => {
      await context.client.templates.delete(name);
      context.show({ name }, () => `${name} is deleted`);
    });
  },
};
