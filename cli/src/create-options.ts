import type { Capsules } from "capsuled";
import type { Given, OptionSpec } from "./command.ts";
import { UsageError } from "./exit.ts";

/** Options of every command that makes a capsule. */
export const CREATE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  template: { type: "string", value: "TEMPLATE", help: "What its file system starts from; `minimal` by default." },
  name: { type: "string", value: "NAME", help: "Your name for it." },
  vcpus: { type: "string", value: "N", help: "Cores; 1 by default." },
  memory: { type: "string", short: "m", value: "MIB", help: "Memory in MiB, or as 2g; 512 by default." },
  disk: { type: "string", value: "MIB", help: "What it may write to disk, in MiB; 5120 by default." },
  ttl: { type: "string", value: "SECONDS", help: "Pause it after so long without activity; never by default." },
  "auto-resume": { type: "boolean", help: "A request to one of its ports wakes it when it is paused." },
  env: {
    type: "string",
    short: "e",
    multiple: true,
    value: "NAME=VALUE",
    help: "A variable of every command in it; NAME alone is the one that is set here.",
  },
  label: { type: "string", short: "l", multiple: true, value: "NAME=VALUE", help: "A label to find it by." },
  egress: {
    type: "string",
    value: "none|allow|LIST",
    help: "Where it may connect to: nowhere, the internet, or names and addresses with commas.",
  },
};

export function createOptions(given: Given, env: NodeJS.ProcessEnv): NonNullable<Parameters<Capsules["create"]>[0]> {
  const egress = given.text("egress");
  return {
    template: given.text("template"),
    name: given.text("name"),
    vcpus: given.number("vcpus"),
    memory_mb: mebibytes(given),
    disk_mb: given.number("disk"),
    timeout_sec: given.number("ttl"),
    auto_resume: given.flag("auto-resume") || undefined,
    envs: given.variables("env", env),
    metadata: given.pairs("label"),
    ...(egress === undefined ? {} : { network: { egress: egressOf(egress) } }),
  };
}

/** `--memory 512`, and as other programs have it: `512m`, `2g`. */
function mebibytes(given: Given): number | undefined {
  const [, count, unit] = /^(\d{1,9})([mMgG])(?:i?[bB])?$/.exec(given.text("memory") ?? "") ?? [];
  return unit === undefined ? given.number("memory") : Number(count) * (unit.toLowerCase() === "g" ? 1024 : 1);
}

/** `none`, `allow`, or a list with commas. */
export function egressOf(text: string): "none" | "allow" | { allow: string[] } {
  if (text === "none" || text === "allow") return text;
  const allow = text.split(",").map((one) => one.trim());
  if (allow.includes(""))
    throw new UsageError(`--egress takes none, allow, or names and addresses with commas, not ${JSON.stringify(text)}`);
  return { allow };
}
