import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { TestCapsule } from "./capsule.ts";

const outcomes = z.record(z.string(), z.string());
const calls = z.record(z.string(), z.tuple([z.number(), z.string()]));

/** A probe's program. */
export function probeSource(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../probes/${name}.py`, import.meta.url)), "utf8");
}

/** Runs a probe in a capsule and parses its JSON; a probe that does not run to its end is an error, never a pass. */
export async function probe<S extends z.ZodType>(
  capsule: TestCapsule,
  name: string,
  schema: S,
  args: readonly string[] = [],
): Promise<z.output<S>> {
  const result = await capsule.exec({ cmd: "python3", args: ["-", ...args], stdin: probeSource(name), timeout: 60 });
  if (result.exit_code !== 0) throw new Error(`the probe ${name} failed to run: ${JSON.stringify(result)}`);
  return schema.parse(JSON.parse(result.stdout));
}

/** The same probe as root on the host, as the control that shows that its calls are right. */
export function probeOutside<S extends z.ZodType>(name: string, schema: S): z.output<S> {
  const out = execFileSync("python3", ["-"], {
    input: probeSource(name),
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", PROBE_OUTSIDE: "1" },
  });
  return schema.parse(JSON.parse(out));
}

export { calls, outcomes };
