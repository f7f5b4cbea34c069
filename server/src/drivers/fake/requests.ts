import { z } from "zod";

/** Payloads that the host sends, as agent/PROTOCOL.md has them. */

const selector = z.string().min(1);
const graceMs = z.int().min(0);

export const helloSchema = z.object({ version: z.int(), capsule: z.string(), secret: z.string() });

const side = z.int().min(1).max(1000);
export const resizeSchema = z.object({ cols: side, rows: side });

export const startSchema = z.object({
  id: z.string().regex(/^pr-[0-9a-z]{25}$/),
  cmd: z
    .string()
    .min(1)
    .regex(/^[^\0]*$/),
  args: z.array(z.string().regex(/^[^\0]*$/)),
  env: z.record(z.string().regex(/^[^=\0]+$/), z.string().regex(/^[^\0]*$/)),
  cwd: z.string().regex(/^\/[^\0]*$/, "must be absolute"),
  user: z.object({ uid: z.int().min(0), gid: z.int().min(0), groups: z.array(z.int().min(0)) }),
  tag: z.string(),
  attach: z.boolean(),
  stdin: z.boolean(),
  timeout_ms: z.int().min(0),
  kill_grace_ms: graceMs,
  foreground: z.boolean(),
  busy: z.boolean(),
  on_disconnect: z.enum(["continue", "kill", "grace"]),
  key: z.string().min(1).optional(),
  by: z.string().optional(),
  pty: z.object({ cols: side.default(80), rows: side.default(24) }).optional(),
});
export type StartRequest = z.output<typeof startSchema>;

export const attachSchema = z.object({ selector, from: z.union([z.enum(["now", "start"]), z.int().min(1)]) });
export const signalSchema = z.object({ selector, signal: z.enum(["SIGTERM", "SIGKILL"]), by: z.string() });
export const getSchema = z.object({ selector });
export const cancelSchema = z.object({ reason: z.enum(["client_gone", "stopped", "timed_out"]), grace_ms: graceMs });
export const logSchema = z.object({ from: z.int().min(1), follow: z.boolean() });
export const outputSchema = z.object({
  selector,
  stream: z.enum(["stdout", "stderr"]),
  from: z.int().min(0),
  limit: z
    .int()
    .min(1)
    .max(1024 * 1024),
});
const filePath = z.string().regex(/^\/[^\0]*$/, "must be absolute");
/** What names a file, and what the operations on it take; fields of other operations are not looked at. */
export const fileSchema = z.object({
  op: z.enum(["stat", "list", "read", "write", "mkdir", "remove", "move", "copy", "chmod", "archive_read", "archive_write", "watch"]),
  path: filePath.optional(),
  path_base64: z.base64().optional(),
  depth: z.int().min(1).max(256).default(1),
  limit: z.int().min(1).max(10_000).default(1000),
  after: z.string().optional(),
  from: z.union([z.int().min(0), filePath]).default(0),
  from_base64: z.base64().optional(),
  to: filePath.optional(),
  to_base64: z.base64().optional(),
  overwrite: z.boolean().default(false),
  create_parents: z.boolean().default(false),
  uid: z.int().min(0).optional(),
  gid: z.int().min(0).optional(),
  length: z.int().min(0).optional(),
  mode: z.int().min(0).max(0o7777).optional(),
  size: z.int().min(0).optional(),
  exclusive: z.boolean().default(false),
  parents: z.boolean().default(false),
  recursive: z.boolean().default(false),
});
export type FileRequest = z.output<typeof fileSchema>;
export const shutdownSchema = z.object({ reason: z.enum(["capsule_stopped", "capsule_destroyed"]), grace_ms: graceMs });

/** The agent says no, by a code of the protocol. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: string;
  readonly field: string | undefined;
  constructor(code: string, message: string, field?: string) {
    super(message);
    this.code = code;
    this.field = field;
  }
}

/** The payload as `schema` has it. Throws `Refusal`. */
export function readPayload<S extends z.ZodType>(schema: S, payload: Buffer): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString("utf8"));
  } catch {
    throw new Refusal("bad_request", "not JSON");
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Refusal("bad_request", issue?.message ?? "wrong shape", issue?.path.map(String).join(".") || undefined);
}
