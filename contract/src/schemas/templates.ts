import { z } from "zod";
import { TEMPLATE_NAME } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { capsule, waitMs } from "./capsule.ts";
import { defaulted, noNul, optional, timestamp } from "./text.ts";

const templateName = z.string().regex(TEMPLATE_NAME, { error: "must be 1 to 64 letters, digits, dots, hyphens and underscores" });
const capsuleId = z.string().min(1).max(200);

/** A template, as the documented client reads it: what is not known is left out. */
export const template = z
  .object({
    name: z.string(),
    type: z.enum(["base", "snapshot"]).describe("`snapshot`: made of a capsule's disk."),
    vcpus: z.int().optional().describe("What a capsule of it gets unless it says otherwise."),
    memory_mb: z.int().optional(),
    disk_mb: z.int().optional(),
    size_bytes: z.int().describe("What it takes on disk; of a snapshot, beside the template that it goes back to."),
    created_at: timestamp,
    platform: z.boolean().describe("Whether every team has it; those cannot be deleted."),
  })
  .meta({ id: "Template" });

export const snapshotCreate = z
  .object({
    capsule_id: optional(capsuleId).describe("The capsule whose disk is kept; running or paused."),
    sandbox_id: optional(capsuleId).describe("The same as `capsule_id`."),
    name: optional(templateName).describe("Left out, `template-` and 8 hex digits."),
    overwrite: optional(z.boolean()).describe(
      "Whether it takes the place of the team's template of that name; capsules of that one go on.",
    ),
  })
  .meta({ id: "SnapshotCreate" });

export const snapshotCreateQuery = z.object({
  overwrite: z.enum(["true", "false"]).optional().describe("The same as in the body."),
});

export const templateListQuery = z.object({
  type: z.string().optional().describe("`base` or `snapshot`; any other type has no templates."),
});

/** Body of fork. */
export const forkCreate = z
  .strictObject({
    count: defaulted(z.int().min(1).max(LIMITS.forkMax), 1).describe("Capsules to make."),
    name: optional(
      noNul(
        z
          .string()
          .min(1)
          .max(LIMITS.nameCharsMax - 3),
      ),
    ).describe("Name of the fork; of several, this with `-1`, `-2` and so on. As with create, unique among the team's capsules."),
    wait_ms: waitMs,
  })
  .meta({ id: "ForkCreate" });

export const forks = z.object({ capsules: z.array(capsule) }).meta({ id: "Forks" });
