import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { isMissing } from "../../../lib/node/missing.ts";

const buildFacts = z.object({
  sizeBytes: z.int(),
  startCommand: z
    .object({ cmd: z.string(), args: z.array(z.string()) })
    .nullable()
    .default(null),
});

/** What is known of a build of a template, beside its tree. */
export type BuildFacts = z.output<typeof buildFacts>;

/** `null` for a build of which nothing was written down. */
export function readBuildFacts(dir: string, build: string): BuildFacts | null {
  try {
    return buildFacts.parse(JSON.parse(readFileSync(join(dir, `${build}.json`), "utf8")));
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
