import { z } from "zod";
import { TEMPLATE_NAME } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { command, envs } from "./command.ts";
import { defaulted, noNul } from "./text.ts";

export const templateName = z.string().regex(TEMPLATE_NAME, { error: "must be 1 to 64 letters, digits, dots, hyphens and underscores" });

/** A user's name or number, as the template's own user database has it. */
export const userName = noNul(z.string().min(1).max(LIMITS.userNameCharsMax)).regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/, {
  error: "must be a user's name or number",
});

export const workingDirectory = noNul(z.string().max(LIMITS.pathCharsMax).startsWith("/", { error: "must be absolute" }));

const readySeconds = defaulted(z.int().min(1).max(LIMITS.readySecMax), LIMITS.readySecDefault).describe(
  "Seconds within which it must pass.",
);

/** When a capsule is ready: a command that exits with 0, or a port that something listens on. */
export const readyCheckShape = z.union([
  z.strictObject({ cmd: command.shape.cmd, args: command.shape.args, timeout_sec: readySeconds }),
  z.strictObject({ port: z.int().min(1).max(65_535), timeout_sec: readySeconds }),
]);

/** What a template says about processes in capsules of it, as it is kept. */
export const templateSettings = z.object({
  envs,
  user: z.string().nullable(),
  cwd: z.string().nullable(),
  startCommand: z.object({ cmd: z.string(), args: z.array(z.string()) }).nullable(),
  readyCheck: z
    .union([
      z.object({ cmd: z.string(), args: z.array(z.string()), timeoutSec: z.int() }),
      z.object({ port: z.int(), timeoutSec: z.int() }),
    ])
    .nullable(),
});
export type TemplateSettings = z.output<typeof templateSettings>;
