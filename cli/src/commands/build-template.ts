import type { schemas } from "capsuled";
import type { Command } from "../command.ts";
import type { Context } from "../context.ts";
import { EXIT, ExitError, UsageError } from "../exit.ts";
import { onInterrupt } from "../interrupt.ts";
import { readRecipe } from "../recipe.ts";
import { coloured, plain } from "../table.ts";
import { uploadArchive } from "./images.ts";

export const templatesBuild: Command = {
  name: "templates build",
  summary: "Build a template from a recipe in a file, or of an image",
  usage: "[-f FILE] [--image IMAGE | --image-archive FILE] [--name NAME] [--overwrite] [--no-cache] [-d]",
  options: {
    file: { type: "string", short: "f", value: "FILE", help: "The recipe, YAML or JSON; - is standard input." },
    image: { type: "string", value: "IMAGE", help: "Begin with an image of a registry; in place of the recipe's `from`." },
    "image-archive": {
      type: "string",
      value: "FILE",
      help: "Begin with the image in this archive, of `docker save` or an OCI layout; - is standard input.",
    },
    name: { type: "string", value: "NAME", help: "The template's name, in place of the recipe's." },
    overwrite: { type: "boolean", help: "Take the place of the team's template of that name." },
    "no-cache": { type: "boolean", help: "Do every step again." },
    detach: { type: "boolean", short: "d", help: "Print the build's id and leave it to itself." },
  },
  arguments: [0, 0],
  examples: [
    "capsuled templates build -f recipe.yaml --overwrite",
    "capsuled templates build --name tools --image ghcr.io/owner/tools:1.2",
    "docker save my/image | capsuled templates build --name mine --image-archive -",
  ],
  async run(context, given) {
    const [file, image, archive] = [given.text("file"), given.text("image"), given.text("image-archive")];
    if (file === undefined && image === undefined && archive === undefined) {
      throw new UsageError("say of what: capsuled templates build -f recipe.yaml, or with --image or --image-archive");
    }
    if (image !== undefined && archive !== undefined) throw new UsageError("--image and --image-archive are two images: give one");
    if (file === "-" && archive === "-") throw new UsageError("the recipe and the archive cannot both be standard input");
    const recipe = recipeOf(file, given.text("name"));
    const uploaded = archive === undefined ? null : await uploadArchive(context, archive);
    const build = await context.client.templates.build({
      ...recipe,
      ...(image !== undefined && { from: { image: { reference: image } } }),
      ...(uploaded !== null && { from: { image: { archive: uploaded.id } } }),
      ...(given.flag("overwrite") && { overwrite: true }),
      ...(given.flag("no-cache") && { use_cache: false }),
    });
    if (given.flag("detach")) return context.show(build, () => build.id);
    try {
      await followed(context, build);
    } finally {
      // A team has places for a few archives; where it is not to be had any more, it is gone by itself in a while.
      if (uploaded !== null) await context.client.images.delete(uploaded.id).catch(() => {});
    }
  },
};

function recipeOf(file: string | undefined, name: string | undefined): schemas.TemplateCreate {
  if (file !== undefined) return readRecipe(file, name);
  if (name === undefined) throw new UsageError("say what the template is called: --name");
  return { name };
}

export const templatesLogs: Command = {
  name: "templates logs",
  summary: "Follow the log of a template's build",
  usage: "BUILD",
  arguments: [1, 1],
  examples: ["capsuled templates logs bd-…"],
  async run(context, given) {
    const [id = ""] = given.arguments;
    await tell(context, id);
  },
};

/** The log to its end. Ctrl-C cancels the build. */
async function followed(context: Context, { id, name }: schemas.TemplateBuild): Promise<void> {
  const cancel = (): void => void context.client.templates.cancelBuild(id).catch(() => {});
  const stop = onInterrupt(context.process, cancel, () => {});
  try {
    await tell(context, id);
  } finally {
    stop();
  }
  if (!context.json) context.say(name);
}

/** Output on standard error, as people follow it; with `--json` each entry as a line on standard output. */
async function tell(context: Context, id: string): Promise<void> {
  for await (const entry of context.client.templates.buildLog(id)) {
    if (context.json) context.say(JSON.stringify(entry));
    else await tellEntry(context, entry);
    if (entry.type !== "end" || entry.state === "ready") continue;
    throw new ExitError(entry.state === "cancelled" ? EXIT.interrupted : EXIT.failure, entry.message ?? `the build ${entry.state}`);
  }
}

async function tellEntry(context: Context, entry: schemas.BuildLogEntry): Promise<void> {
  switch (entry.type) {
    case "step": {
      const seconds = entry.duration_ms === undefined ? "" : ` (${(entry.duration_ms / 1000).toFixed(1)} s)`;
      const colour = entry.state === "failed" ? "red" : entry.state === "started" ? "yellow" : "green";
      return context.note(`${coloured(context, colour, `${entry.state.padEnd(7)} ${entry.step}`)}  ${plain(entry.command)}${seconds}`);
    }
    case "output":
      return context.write("stderr", new TextEncoder().encode(entry.data));
    case "gap":
      return context.note(`… ${entry.bytes} bytes more`);
    case "end":
  }
}
