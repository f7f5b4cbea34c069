import type { ExecResult } from "../contract/schemas.ts";
import { CommandError } from "../errors.ts";
import { fromBase64, textOf, utf8 } from "../transport/bytes.ts";

/** What is known of a command's end, beside what it printed. */
export type CommandFacts = Omit<ExecResult, "stdout" | "stderr" | "encoding">;

/** How a command ended, and what it printed. A non-zero exit is a result like another one. */
export class CommandResult {
  /** As text; what is no UTF-8 is U+FFFD. `bytes("stdout")` has it as it was. */
  readonly stdout: string;
  readonly stderr: string;
  /** 128 and the signal's number for a death by signal; 127 for a program that does not exist, 126 for one that cannot be executed. */
  readonly exit_code: number;
  readonly duration_ms: number;
  /** Why it ended. */
  readonly reason: ExecResult["reason"];
  /** The signal that it died by, e.g. `SIGKILL`. */
  readonly signal: string | null;
  /** The process's id, never reused. */
  readonly id: string;
  /** `null` when it could not start. */
  readonly pid: number | null;
  /** Processes of the capsule that ran out of memory meanwhile. */
  readonly oom_kills: number;
  /** Who asked for its end. */
  readonly requested: ExecResult["requested"];
  /** Bytes that it printed, also where only their beginning is here. */
  readonly stdout_bytes: number;
  readonly stderr_bytes: number;
  /** Whether there was more than is kept here: the rest can be read by `capsule.commands.output(id)`. */
  readonly stdout_truncated: boolean;
  readonly stderr_truncated: boolean;
  readonly stdout_sha256: string | null;
  readonly stderr_sha256: string | null;
  readonly #facts: CommandFacts;
  readonly #raw: { readonly stdout: Uint8Array | null; readonly stderr: Uint8Array | null };

  constructor(facts: CommandFacts, stdout: string | Uint8Array, stderr: string | Uint8Array) {
    this.stdout = typeof stdout === "string" ? stdout : textOf(stdout);
    this.stderr = typeof stderr === "string" ? stderr : textOf(stderr);
    this.#raw = { stdout: typeof stdout === "string" ? null : stdout, stderr: typeof stderr === "string" ? null : stderr };
    this.#facts = facts;
    this.exit_code = facts.exit_code;
    this.duration_ms = facts.duration_ms;
    this.reason = facts.reason;
    this.signal = facts.signal;
    this.id = facts.id;
    this.pid = facts.pid;
    this.oom_kills = facts.oom_kills;
    this.requested = facts.requested;
    this.stdout_bytes = facts.stdout_bytes;
    this.stderr_bytes = facts.stderr_bytes;
    this.stdout_truncated = facts.stdout_truncated;
    this.stderr_truncated = facts.stderr_truncated;
    this.stdout_sha256 = facts.stdout_sha256;
    this.stderr_sha256 = facts.stderr_sha256;
  }

  /** Whether it exited with 0. */
  get ok(): boolean {
    return this.exit_code === 0;
  }

  /** What it printed, byte by byte. */
  bytes(stream: "stdout" | "stderr"): Uint8Array {
    return this.#raw[stream] ?? utf8(this[stream]);
  }

  /** All that is known beside the output. */
  facts(): CommandFacts {
    return this.#facts;
  }

  /** Itself if it exited with 0; throws a `CommandError` that carries it otherwise. */
  orThrow(): this {
    if (!this.ok) throw new CommandError(this);
    return this;
  }
}

/** What the API answers, as a result. */
export function resultOf(answer: ExecResult): CommandResult {
  const { stdout, stderr, encoding } = answer;
  return encoding === "base64"
    ? new CommandResult(answer, fromBase64(stdout), fromBase64(stderr))
    : new CommandResult(answer, stdout, stderr);
}
