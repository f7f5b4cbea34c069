import { z } from "zod";
import { IDEMPOTENCY_KEY, PROCESS_ID } from "./ids.ts";
import { LIMITS } from "./limits.ts";
import { command, endFacts } from "./schemas/command.ts";
import { optional } from "./schemas/text.ts";

/** The first message of an exec stream. */
export const startMessage = z
  .object({
    type: z.literal("start"),
    ...command.shape,
    stdin: optional(z.boolean()).describe("Keep standard input open for `stdin` messages; otherwise it is /dev/null."),
    idempotency_key: optional(z.string().regex(IDEMPOTENCY_KEY, { error: "must be 1 to 255 printable ASCII characters" })).describe(
      "A name for this start: a repeat starts nothing and is sent the first one's output from its beginning.",
    ),
    on_disconnect: optional(z.enum(["continue", "kill"])).describe(
      "What becomes of the process when this client goes; `continue` by default.",
    ),
  })
  .meta({ id: "StreamStart" });

export const stopMessage = z.object({ type: z.literal("stop") });

export const stdinMessage = z.object({
  type: z.literal("stdin"),
  data: z.string().max(LIMITS.socketMessageBytesMax),
  encoding: optional(z.enum(["utf-8", "base64"])),
  offset: optional(z.int().min(0)).describe(
    "Where the first byte stands in all that is written, from 0. What has come before is not taken again, so after a cut it is sent again, over any stream of the process. Whoever says offsets is sent `stdin_ack`.",
  ),
});

export const stdinCloseMessage = z.object({
  type: z.literal("stdin_close"),
  offset: optional(z.int().min(0)).describe("How many bytes were written in all: the end counts only where they have come."),
});

export const ackMessage = z.object({
  type: z.literal("ack"),
  seq: z
    .int()
    .min(0)
    .describe(
      "Everything up to this record has been taken. From the first one on the server sends at most `window` of its `start` beyond what was acknowledged, and the process is paced by it: for clients whose sockets are read whether or not anybody takes what comes, as a browser's are.",
    ),
});

/** What a client may send after `start`. */
export const clientMessage = z
  .discriminatedUnion("type", [stopMessage, stdinMessage, stdinCloseMessage, ackMessage])
  .meta({ id: "StreamClientMessage" });

const output = {
  data: z.string(),
  seq: z
    .int()
    .describe(
      "Of the record; of the last one where several are joined. The U+FFFD of a character that was never finished has the number behind the last record, and the second one, where both streams end so, the next.",
    ),
  first_seq: z.int().optional().describe("Of the first record, where several are joined."),
  encoding: z.literal("base64").optional(),
};

/** What the server sends on an exec stream and on an attached one. */
export const serverMessage = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("start"),
      pid: z.int(),
      id: z.string().regex(PROCESS_ID),
      tag: z.string(),
      next_seq: z.int(),
      window: z
        .int()
        .optional()
        .describe("Characters of `data` that are sent beyond the last `ack`, to a client that sends `ack`; one message may go over it."),
      stdin: z
        .object({ bytes: z.int().describe("How many bytes have come."), closed: z.boolean().describe("Whether its end has come.") })
        .optional()
        .describe("Where standard input is open, or was and the process runs: `stdin` with an `offset` goes on from there."),
    }),
    z.object({ type: z.literal("stdout"), ...output }),
    z.object({ type: z.literal("stderr"), ...output }),
    z.object({ type: z.literal("gap"), from_seq: z.int(), seq: z.int(), stdout_bytes: z.int(), stderr_bytes: z.int() }),
    z.object({
      type: z.literal("stdin_ack"),
      bytes: z.int().describe("How many bytes of standard input the process has taken, from its start; at most 1 MiB may wait."),
    }),
    z.object({
      type: z.literal("exit"),
      exit_code: z.int(),
      seq: z.int().describe("Behind the last record, or that of the last U+FFFD that stands there."),
      duration_ms: z.int(),
      ...endFacts,
    }),
    z.object({ type: z.literal("error"), data: z.string().describe("What happened, for people."), code: z.string() }),
  ])
  .meta({ id: "StreamServerMessage" });

export type StartMessage = z.output<typeof startMessage>;
export type ClientMessage = z.output<typeof clientMessage>;
export type ServerMessage = z.output<typeof serverMessage>;
