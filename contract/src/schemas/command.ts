import { z } from "zod";
import { PROCESS_ID, TAG } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { PROCESS_REASONS } from "../reasons.ts";
import { memoryEvidence } from "./process.ts";
import { noNul, optional, utf8Bytes } from "./text.ts";

export const envs = z
  .record(
    z
      .string()
      .min(1)
      .max(LIMITS.envNameCharsMax)
      .regex(/^[^=\0]+$/, { error: "a variable's name must not contain = or NUL" }),
    noNul(z.string()).refine((value) => utf8Bytes(value) <= LIMITS.envValueBytesMax, { error: `at most ${LIMITS.envValueBytesMax} bytes` }),
  )
  .refine((map) => Object.keys(map).length <= LIMITS.envsMax, { error: `at most ${LIMITS.envsMax} variables` });

const seconds = z.int().min(0).max(LIMITS.timeoutSecMax);

/** What exec and the socket's `start` have in common. */
export const command = z.object({
  cmd: noNul(z.string().min(1).max(LIMITS.pathCharsMax)).describe("The program: a path, or a name looked up in PATH. No shell is added."),
  args: optional(
    z
      .array(noNul(z.string()).refine((arg) => utf8Bytes(arg) <= LIMITS.argBytesMax, { error: `at most ${LIMITS.argBytesMax} bytes` }))
      .max(LIMITS.argsMax),
  ).describe("Its arguments, passed as they are."),
  envs: optional(envs).describe("Variables on top of the capsule's own; these win."),
  cwd: optional(noNul(z.string().min(1).max(LIMITS.pathCharsMax))).describe(
    "Working directory; relative and `~` mean the home directory. `/root` by default.",
  ),
  tag: optional(z.string().regex(TAG, { error: "1 to 64 of letters, digits, `.`, `_` and `-`; not all digits, not `pr-…`" })).describe(
    "Your name for the process, unique among the capsule's live ones.",
  ),
  encoding: optional(z.enum(["utf-8", "base64"])).describe("`base64` asks for lossless output whatever the bytes."),
  timeout: optional(seconds),
  timeout_sec: optional(seconds).describe("Seconds until the process tree is killed; 0 is never."),
});

export const execRequest = command
  .extend({
    background: optional(z.boolean()).describe("Answer 202 at once and leave the process running."),
    busy: optional(z.boolean()).describe("Background only: the process counts as activity while it runs."),
    stdin: optional(
      z.string().refine((text) => utf8Bytes(text) <= LIMITS.stdinBytesMax, { error: `at most ${LIMITS.stdinBytesMax} bytes` }),
    ).describe("Foreground only: what the process reads from its standard input."),
    stdin_encoding: optional(z.enum(["utf-8", "base64"])).describe("How `stdin` is written here; `utf-8` by default."),
  })
  .meta({ id: "ExecRequest" });

/** Facts about the end of a process, beside its exit code. */
export const endFacts = {
  reason: z.enum(PROCESS_REASONS).describe("Why it ended."),
  signal: z.string().nullable().describe("The signal it died by, e.g. `SIGKILL`; the exit code is then 128 + its number."),
  oom_kills: z.int().describe("How many processes of the capsule ran out of memory while it ran."),
  requested: z.object({ by: z.string(), signal: z.string() }).nullable().describe("Who asked for its end."),
  stdout_bytes: z.int(),
  stderr_bytes: z.int(),
  late_bytes: z.int().describe("Bytes that descendants printed after its end; not kept."),
  stdout_sha256: z.string().nullable().describe("Of all `stdout_bytes` of the stream, in hex; null where that is not known any more."),
  stderr_sha256: z.string().nullable(),
};

export const execResult = z
  .object({
    stdout: z.string(),
    stderr: z.string(),
    exit_code: z.int(),
    duration_ms: z.int(),
    encoding: z.enum(["utf-8", "base64"]).describe("Of stdout and stderr both."),
    id: z.string().regex(PROCESS_ID),
    pid: z.int().nullable().describe("null when it could not start."),
    ...endFacts,
    evidence: memoryEvidence.nullable().describe("The capsule's memory, where it was the end of the command."),
    stdout_truncated: z.boolean(),
    stderr_truncated: z.boolean(),
  })
  .meta({ id: "ExecResult" });

export const execStarted = z.object({ pid: z.int(), tag: z.string(), id: z.string().regex(PROCESS_ID) }).meta({ id: "ExecStarted" });

export const processInfo = z
  .object({
    pid: z.int(),
    tag: z.string().describe('`""` when it has none.'),
    cmd: z.string(),
    args: z.array(z.string()),
    id: z.string().nullable().describe("null when it was not started through the API."),
    ppid: z.int(),
    started_at: z.iso.datetime({ offset: true }),
  })
  .meta({ id: "Process" });

export const processList = z.object({ processes: z.array(processInfo) });

export const killQuery = z.strictObject({ signal: z.enum(["SIGKILL", "SIGTERM"]).default("SIGKILL").describe("To the whole tree.") });

export const attachQuery = z.strictObject({
  from: z
    .union([z.enum(["now", "start"]), z.coerce.number().int().min(1)])
    .default("now")
    .describe("`now`, `start`, or a sequence number: that record comes first."),
  encoding: z.enum(["utf-8", "base64"]).optional(),
});

export const outputQuery = z.strictObject({
  stream: z.enum(["stdout", "stderr"]).default("stdout"),
  from: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).describe("Offset of the first byte within its stream."),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(LIMITS.outputBytesMax)
    .optional()
    .describe(`Bytes at most. JSON holds at most ${LIMITS.outputPageBytesMax}, the default there; raw bytes go to the end by default.`),
});

export const outputPage = z
  .object({
    data: z.string(),
    encoding: z.enum(["utf-8", "base64"]).describe("`base64` when the bytes are no whole UTF-8 text."),
    from: z.int().describe("Offset of the first byte; later than asked for when the earlier ones are not kept any more."),
    next: z.int().describe("Offset to go on from."),
    gap_bytes: z.int().describe("Bytes that were asked for and are not kept any more."),
    total: z.int().describe("Bytes of the stream so far."),
    ended: z.boolean().describe("Whether the process has ended: nothing comes after `total`."),
  })
  .meta({ id: "OutputPage" });
