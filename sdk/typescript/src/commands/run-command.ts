import type { ExecResult } from "../contract/schemas.ts";
import { StreamError } from "../errors.ts";
import { randomHex, toBase64 } from "../transport/bytes.ts";
import { jsonOf } from "../transport/encode.ts";
import { shortDigest } from "../transport/sha256.ts";
import { throwIfAborted } from "../transport/timing.ts";
import type { Transport } from "../transport/transport.ts";
import { collect, timeoutOf } from "./collect.ts";
import type { RunOptions, StreamOptions } from "./command-options.ts";
import { startFields } from "./command-options.ts";
import type { CommandResult } from "./command-result.ts";
import { resultOf } from "./command-result.ts";
import { abandonProcess } from "./kill-process.ts";
import { ProcessStream } from "./process-stream.ts";

/** Seconds that a command has by default. */
const TIMEOUT_SEC_DEFAULT = 30;
/** Seconds for which an HTTP answer is waited for: some clients give up at 300. What may take longer is followed over a socket. */
const HTTP_WAIT_SEC_MAX = 240;

/** Runs a command to its end. Repeated after a broken connection, it is still run once. */
export async function runCommand(
  transport: Transport,
  capsuleId: string,
  command: { readonly cmd: string; readonly args: string[] },
  options: RunOptions,
): Promise<CommandResult> {
  const timeout = options.timeout ?? TIMEOUT_SEC_DEFAULT;
  const isLong = timeout === 0 || timeout > HTTP_WAIT_SEC_MAX;
  return isLong && options.stdin === undefined
    ? overSocket(transport, capsuleId, command, options, timeout)
    : overHttp(transport, capsuleId, command, options, timeout);
}

async function overHttp(
  transport: Transport,
  capsuleId: string,
  command: { readonly cmd: string; readonly args: string[] },
  options: RunOptions,
  timeout: number,
): Promise<CommandResult> {
  const { signal, stdin } = options;
  throwIfAborted(signal);
  const key = options.idempotencyKey === undefined ? `sdk-${randomHex(16)}` : options.idempotencyKey;
  // A named command goes on without its client, so an abort has to find it; a repeat by the same key has to say the same.
  const tag = options.tag ?? (signal !== undefined && key !== null ? `sdk-${shortDigest(key)}` : undefined);
  const { requestTimeoutMs } = transport.settings;
  const limitMs =
    options.requestTimeoutMs === undefined ? (timeout === 0 ? null : timeout * 1000 + requestTimeoutMs) : options.requestTimeoutMs;
  const input = stdin === undefined ? {} : typeof stdin === "string" ? { stdin } : { stdin: toBase64(stdin), stdin_encoding: "base64" };
  try {
    const answer = await transport.json<ExecResult>("exec", {
      params: { id: capsuleId },
      body: { ...command, ...startFields(options), ...input, timeout, ...(tag === undefined ? {} : { tag }) },
      signal,
      idempotencyKey: key,
      requestTimeoutMs: limitMs,
    });
    return resultOf(answer);
  } catch (error) {
    if (signal?.aborted === true && tag !== undefined) await abandonProcess(transport, capsuleId, tag, false);
    throw error;
  }
}

async function overSocket(
  transport: Transport,
  capsuleId: string,
  command: { readonly cmd: string; readonly args: string[] },
  options: RunOptions,
  timeout: number,
): Promise<CommandResult> {
  const { envs, cwd, tag, signal, idempotencyKey } = options;
  const stream = startStream(transport, capsuleId, command, {
    envs,
    cwd,
    tag,
    signal,
    timeout,
    idempotencyKey: idempotencyKey ?? undefined,
  });
  const result = await collect(stream).catch((error: unknown) => {
    // Nothing has run: asked for over HTTP, this is a result like any other.
    if (error instanceof StreamError && error.code === "spawn_failed")
      return overHttp(transport, capsuleId, command, options, HTTP_WAIT_SEC_MAX);
    throw error;
  });
  if (result.reason === "timed_out") throw timeoutOf(result);
  return result;
}

/** Starts a command and follows it. */
export function startStream(
  transport: Transport,
  capsuleId: string,
  command: { readonly cmd: string; readonly args: string[] },
  options: StreamOptions,
): ProcessStream {
  const { timeout } = options;
  const key = options.idempotencyKey ?? `sdk-${randomHex(16)}`;
  const start = {
    type: "start",
    ...command,
    ...startFields(options),
    ...(timeout === undefined ? {} : { timeout }),
    ...(options.stdin === true ? { stdin: true } : {}),
    // Chosen here, so that the command can be found before the server has told its id; the same in a repeat by the same key.
    tag: options.tag ?? `bg-${shortDigest(key)}`,
    idempotency_key: key,
  } as const;
  // It is sent when a connection stands, where nobody could be told.
  jsonOf(start);
  return new ProcessStream(transport, capsuleId, { start }, { signal: options.signal, endsOnLeave: options.onLeave !== "continue" });
}
