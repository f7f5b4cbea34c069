import { unlessAborted } from "../capsule/wait.ts";
import type { ResolvedTemplate } from "../template/resolve.ts";
import { resolveTemplate } from "../template/resolve.ts";
import type { TemplateSettings } from "../template/settings.ts";
import { BuildError } from "./build-error.ts";
import type { BuildContext } from "./context.ts";
import { imageBase } from "./image-base.ts";

/** A base on this host's disk, where no layer of an earlier build goes further. */
export interface OpenBase {
  /** `null`: the template of the name that was given. */
  readonly snapshotId: string | null;
  /** To be called once nobody needs it any more, with whether a capsule began with it. */
  settle(hasBegun: boolean): Promise<void>;
}

/** What a build begins with. */
export interface Base {
  readonly template: ResolvedTemplate;
  readonly settings: TemplateSettings | null;
  /** What layers on it are named by: the same name may stand for another one tomorrow. */
  readonly key: string;
  open(): Promise<OpenBase>;
}

/** The base of a recipe. Throws `BuildError`, and `ImageError` for an image. */
export async function baseOf(ctx: BuildContext): Promise<Base> {
  const { from } = ctx.recipe;
  return "image" in from ? imageBase(ctx, from.image) : templateBase(ctx, from.template);
}

async function templateBase({ deps, principal, signal }: BuildContext, name: string): Promise<Base> {
  const template = await resolveTemplate(deps, principal.teamId, name);
  if (template === undefined) throw new BuildError("base_failed", `There is no template named ${JSON.stringify(name)} any more.`);
  const { settings, snapshotId } = template;
  const open = async (): Promise<OpenBase> => ({ snapshotId, settle: async () => {} });
  if (snapshotId !== null) return { template, settings, key: snapshotId, open };
  await unlessAborted(deps.templates.ensure(name), signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new BuildError("base_failed", `The template ${JSON.stringify(name)} could not be built on this host.`, null, { cause: error });
  });
  const built = await deps.templates.find(name);
  return { template, settings, key: `${name}@${built?.builtAt ?? 0}`, open };
}
