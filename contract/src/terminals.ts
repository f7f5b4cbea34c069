import { z } from "zod";
import { PROCESS_ID, TAG } from "./ids.ts";
import { LIMITS } from "./limits.ts";
import { command, endFacts } from "./schemas/command.ts";
import { defaulted, noNul, optional } from "./schemas/text.ts";

const side = z.int().min(0).max(LIMITS.terminalSideMax);
const seq = z.int().describe("Of the record that ends with these bytes; left out where more of it follows.");

/** How output comes. */
export const TERMINAL_FRAMES = ["json", "binary"] as const;
export type TerminalFrames = (typeof TERMINAL_FRAMES)[number];
const frames = optional(z.enum(TERMINAL_FRAMES)).describe(
  "How output comes: `json`, as `output` messages, or `binary`, as binary frames with the bytes alone. Left out, as the client types: who sends input as binary frames gets output so.",
);

/** A new terminal with a program in it. */
export const terminalStart = z
  .object({
    type: z.literal("start"),
    cmd: defaulted(command.shape.cmd, "/bin/bash"),
    args: command.shape.args,
    cols: defaulted(side, LIMITS.terminalColsDefault).describe("Columns; 0 is the default."),
    rows: defaulted(side, LIMITS.terminalRowsDefault).describe("Rows; 0 is the default."),
    envs: command.shape.envs,
    cwd: command.shape.cwd,
    user: optional(noNul(z.string().min(1).max(LIMITS.userNameCharsMax))).describe(
      "A user of the capsule, by name or number; root by default.",
    ),
    tag: optional(z.string().regex(TAG, { error: "1 to 64 of letters, digits, `.`, `_` and `-`; not all digits, not `pr-…`" })).describe(
      "Your name for the terminal; `pty-` and 8 hex digits by default.",
    ),
    frames,
  })
  .meta({ id: "TerminalStart" });

/** A terminal that is there. */
export const terminalConnect = z
  .object({
    type: z.literal("connect"),
    tag: z.string().min(1).max(200).describe("The terminal: its tag, its process's id or its pid."),
    from: optional(z.union([z.enum(["now", "start"]), z.int().min(1)])).describe(
      `Where to begin: \`now\`, \`start\`, or a sequence number, whose record then comes first. Left out, the latest ${LIMITS.scrollbackBytes / 1024} KiB.`,
    ),
    frames,
  })
  .meta({ id: "TerminalConnect" });

/** The first message of a terminal's socket. */
export const terminalFirst = z.discriminatedUnion("type", [terminalStart, terminalConnect]).meta({ id: "TerminalFirst" });

/** What a client may send after it, beside binary frames, whose bytes are typed as they are. */
export const terminalClientMessage = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("input"), data: z.string().max(LIMITS.socketMessageBytesMax).describe("Bytes that are typed, in base64.") }),
    z
      .object({ type: z.literal("resize"), cols: side, rows: side })
      .describe("A size with a 0 in it is ignored. Of several viewers' the latest wins."),
    z.object({ type: z.literal("kill") }).describe("SIGKILL for everything that runs in the terminal."),
    z.object({ type: z.literal("pong") }).describe("An answer to `ping`, which needs none."),
  ])
  .meta({ id: "TerminalClientMessage" });

const gapBytes = z.int().optional().describe("Bytes just before these that are not kept any more.");

/** What the server sends. */
export const terminalServerMessage = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("started"),
      tag: z.string(),
      pid: z.int(),
      id: z.string().regex(PROCESS_ID),
      cols: z.int(),
      rows: z.int(),
      next_seq: z.int().describe("Number of the first record that comes."),
    }),
    z.object({ type: z.literal("output"), data: z.string().describe("Bytes in base64."), seq: seq.optional(), gap_bytes: gapBytes }),
    z.object({ type: z.literal("exit"), exit_code: z.int(), seq: z.int(), duration_ms: z.int(), gap_bytes: gapBytes, ...endFacts }),
    z.object({
      type: z.literal("error"),
      data: z.string().describe("What happened, for people."),
      fatal: z.literal(true).optional().describe("The last message: the socket closes."),
      code: z.string(),
    }),
    z.object({ type: z.literal("ping") }).describe("Every 30 s; needs no answer."),
  ])
  .meta({ id: "TerminalServerMessage" });

export type TerminalStart = z.output<typeof terminalStart>;
export type TerminalConnect = z.output<typeof terminalConnect>;
export type TerminalFirst = z.output<typeof terminalFirst>;
export type TerminalClientMessage = z.output<typeof terminalClientMessage>;
export type TerminalServerMessage = z.output<typeof terminalServerMessage>;
