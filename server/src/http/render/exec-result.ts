import { isUtf8 } from "node:buffer";
import type { execResult } from "@capsuled/contract";
import type { z } from "zod";
import type { ExecEnded, ExecNotStarted } from "../../core/process/service.ts";
import { completeLength, textOf } from "../../core/process/text.ts";
import { renderEndFacts } from "./end-facts.ts";

type ExecResult = z.output<typeof execResult>;
export type Encoding = "utf-8" | "base64";

/** A foreground command's result. One encoding for both streams: base64 when asked for, or when either is not text. */
export function renderEnded(outcome: ExecEnded, wanted: Encoding | undefined): ExecResult {
  const { end } = outcome;
  const isStdoutCut = end.stdoutBytes > outcome.stdout.length;
  const isStderrCut = end.stderrBytes > outcome.stderr.length;
  const stdout = isStdoutCut ? cutAtCharacter(outcome.stdout) : outcome.stdout;
  const stderr = isStderrCut ? cutAtCharacter(outcome.stderr) : outcome.stderr;
  const isText = wanted !== "base64" && isUtf8(stdout) && isUtf8(stderr);
  return {
    stdout: isText ? textOf(stdout) : base64Of(outcome.stdout),
    stderr: isText ? textOf(stderr) : base64Of(outcome.stderr),
    exit_code: end.exitCode,
    duration_ms: end.durationMs,
    encoding: isText ? "utf-8" : "base64",
    id: end.id,
    pid: end.pid,
    ...renderEndFacts(end),
    evidence: outcome.evidence ?? null,
    stdout_truncated: isStdoutCut,
    stderr_truncated: isStderrCut,
  };
}

/** A command that could not start, in the same form: what went wrong stands in stderr, as a shell would write it. */
export function renderNotStarted(outcome: ExecNotStarted, wanted: Encoding | undefined): ExecResult {
  const stderr = `capsuled: ${outcome.message}\n`;
  const bytes = Buffer.from(stderr);
  return {
    stdout: "",
    stderr: wanted === "base64" ? bytes.toString("base64") : stderr,
    exit_code: outcome.exitCode,
    duration_ms: 0,
    encoding: wanted ?? "utf-8",
    id: outcome.id,
    pid: null,
    reason: "spawn_failed",
    signal: null,
    oom_kills: 0,
    requested: null,
    stdout_bytes: 0,
    stderr_bytes: bytes.length,
    late_bytes: 0,
    stdout_sha256: null,
    stderr_sha256: null,
    evidence: null,
    stdout_truncated: false,
    stderr_truncated: false,
  };
}

/** A limit may cut a character in two; the rest of a cut text is not binary for that. */
function cutAtCharacter(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, completeLength(bytes));
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
