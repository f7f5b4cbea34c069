import { randomBytes } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { BuildProgress } from "../../../core/ports/templates.ts";
import { OCI_LIMITS } from "../options.ts";
import { runProgram } from "../run-program.ts";
import type { AptSources } from "./apt-sources.ts";
import { finishTree } from "./finish-tree.ts";
import { BuilderProgress } from "./progress.ts";
import type { BuildFacts } from "./build-facts.ts";
import type { Recipe } from "./recipe.ts";

export interface BuildJob {
  readonly recipe: Recipe;
  readonly build: string;
  readonly sources: AptSources;
  /** Folder of the template in the store. */
  readonly dir: string;
  /** Mount point of the store: mounted nodev, which the builder cannot work with. */
  readonly storeDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly onProgress: (progress: BuildProgress) => void;
}

/** Lines of the builder's output that a failure is reported with. */
const LAST_LINES = 12;

/**
 * Builds a template's file tree under a temporary name and moves it to `<dir>/<build>` when it is whole; then makes it the
 * current one. A failed build leaves nothing.
 * @throws with the builder's last lines
 */
export async function buildTemplate(job: BuildJob): Promise<void> {
  const unfinished = join(job.dir, `.unfinished-${randomBytes(6).toString("hex")}`);
  mkdirSync(unfinished, { recursive: true, mode: 0o755 });
  try {
    await bootstrap(job, unfinished);
    job.onProgress({ step: "finishing", fraction: 0.96 });
    await finishTree(unfinished, job.recipe, job.sources.suite);
    const sizeBytes = await sizeOf(unfinished);
    await flush(unfinished);
    const final = join(job.dir, job.build);
    await rm(final, { recursive: true, force: true });
    renameSync(unfinished, final);
    writeAtomically(
      join(job.dir, `${job.build}.json`),
      JSON.stringify({ sizeBytes, startCommand: job.recipe.start ?? null } satisfies BuildFacts),
    );
    writeAtomically(join(job.dir, "current"), job.build);
    job.onProgress({ step: "ready", fraction: 1 });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/**
 * In a mount namespace of its own: the builder's mounts end with it, however it ends, and only there the store may have
 * device files.
 */
async function bootstrap(job: BuildJob, target: string): Promise<void> {
  const { recipe, sources } = job;
  const options = [
    "--mode=root",
    "--variant=apt",
    "--format=directory",
    "--verbose",
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=Acquire::Retries "3"',
    // What a power cut leaves of a build is thrown away: one flush at its end will do.
    "--dpkgopt=force-unsafe-io",
    ...recipe.exclude.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...recipe.include.map((path) => `--dpkgopt=path-include=${path}`),
    `--include=${recipe.packages.join(",")}`,
  ];
  const script = 'if mountpoint -q "$1"; then mount -o remount,bind,suid,dev "$1"; fi && shift && exec mmdebstrap "$@"';
  const args = [
    "--mount",
    "--propagation",
    "private",
    "sh",
    "-c",
    script,
    "sh",
    job.storeDir,
    ...options,
    sources.suite,
    target,
    ...sources.lines,
  ];
  const progress = new BuilderProgress(job.onProgress);
  let last = "";
  const onOutput = (text: string): void => {
    progress.feed(text);
    last = (last + text).slice(-8_000);
  };
  const outcome = await runProgram("unshare", args, { timeoutMs: OCI_LIMITS.templateBuildMs, outputBytes: 0, env: job.env, onOutput });
  if (outcome.code !== 0) {
    const lines = last
      .trim()
      .split(/[\r\n]+/)
      .slice(-LAST_LINES)
      .join("\n");
    throw new Error(`The template ${recipe.name} could not be built (code ${outcome.code}):\n${lines}`);
  }
}

/** To the disk, before the build has its name. */
async function flush(path: string): Promise<void> {
  await runProgram("sync", ["--file-system", path], { timeoutMs: 300_000 });
}

async function sizeOf(path: string): Promise<number> {
  const outcome = await runProgram("du", ["--summarize", "--block-size=1024", path], { timeoutMs: 60_000 });
  return Number.parseInt(outcome.stdout, 10) * 1024;
}

function writeAtomically(path: string, content: string): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
