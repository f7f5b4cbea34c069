import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { capsule, waitMs } from "./capsule.ts";
import { templateName } from "./template-settings.ts";
import { capsuleNameText, defaulted, optional, timestamp } from "./text.ts";

const capsuleId = z.string().min(1).max(200);

/** A template, as the documented client reads it: what is not known is left out. */
export const template = z
  .object({
    name: z.string(),
    type: z.enum(["base", "snapshot"]).describe("`snapshot`: made of a capsule's disk, by a snapshot or a build."),
    vcpus: z.int().optional().describe("What a capsule of it gets unless it says otherwise."),
    memory_mb: z.int().optional(),
    disk_mb: z.int().optional(),
    size_bytes: z.int().describe("What it takes on disk; of a snapshot, beside the template that it goes back to."),
    created_at: timestamp,
    platform: z.boolean().describe("Whether every team has it; those cannot be deleted."),
    env_names: z
      .array(z.string())
      .optional()
      .describe("Names of the variables that processes in capsules of it have; values are never returned."),
    user: z.string().optional().describe("Who processes in capsules of it run as where nobody says otherwise."),
    cwd: z.string().optional().describe("Where they begin."),
    start_command: z
      .object({ cmd: z.string(), args: z.array(z.string()) })
      .optional()
      .describe("What begins whenever a capsule of it boots."),
    ready_check: z
      .object({ cmd: z.string().optional(), args: z.array(z.string()).optional(), port: z.int().optional(), timeout_sec: z.int() })
      .optional()
      .describe("When a capsule of it is ready: this command exits with 0, or this port is listened on."),
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
    name: optional(capsuleNameText(LIMITS.nameCharsMax - 3)).describe(
      "Name of the fork; of several, this with `-1`, `-2` and so on. As with create, unique among the team's capsules.",
    ),
    wait_ms: waitMs,
  })
  .meta({ id: "ForkCreate" });

export const forks = z.object({ capsules: z.array(capsule) }).meta({ id: "Forks" });
