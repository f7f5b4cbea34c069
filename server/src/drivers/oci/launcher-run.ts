import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import { z } from "zod";
import type { KeptProcess } from "./kept-process.ts";
import { LauncherError } from "./launcher-error.ts";
import { OCI_LIMITS } from "./options.ts";
import type { Outcome, RunOptions } from "./run-program.ts";
import { Heard, OUTPUT_BYTES, programEnv, STRAY_STREAMS_MS, STREAMS } from "./run-program.ts";

/** A program that a launcher is to start, in its words. */
export interface ProgramSpec {
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
  readonly timeMs: number;
  readonly strayMs: number;
}

export function programSpec(words: readonly string[], { input = "", env, timeoutMs }: RunOptions): ProgramSpec {
  return { words, env: programEnv(env), input, timeMs: timeoutMs, strayMs: STRAY_STREAMS_MS };
}

const pieceSchema = z.object({ stream: z.enum(STREAMS), base64: z.string() });
const ended = z.object({ code: z.int().nullable(), signal: z.int().nullable(), ms: z.number() });
const answered = z.union([
  ended.extend({ ok: z.literal(true) }),
  z.object({ ok: z.literal(true), errno: z.int() }),
  z.object({ ok: z.literal(false), step: z.string(), message: z.string() }),
]);

const nameOfSignal = (number: number): string =>
  Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;

/**
 * As `runProgram`, by a launcher, which ends with this process and the program with it; what the program has put into the background goes on.
 * @param namespace of the network, as a path; `null`: this process's own
 */
export async function runByLauncher(
  kept: KeptProcess,
  words: readonly string[],
  options: RunOptions,
  namespace: string | null,
): Promise<Outcome> {
  const { signal, timeoutMs, onOutput, outputBytes = OUTPUT_BYTES } = options;
  const heard = new Heard(options);
  const onPiece = (piece: unknown): void => {
    const { data } = pieceSchema.safeParse(piece);
    if (data !== undefined) heard.add(data.stream, Buffer.from(data.base64, "base64"));
  };
  // Who listens gets everything; what nobody keeps is not even sent.
  const spec = { ...programSpec(words, options), outputBytes: onOutput === undefined ? outputBytes : Number.MAX_SAFE_INTEGER, namespace };
  // The launcher ends the program in time by itself; this is for one that does not come to it.
  const step = kept.step(["run"], {
    spec,
    timeoutMs: timeoutMs + OCI_LIMITS.launchMs,
    onPiece,
    ...(signal === undefined ? {} : { signal }),
  });
  const answer = answered.parse(
    await step.catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    }),
  );
  if (!answer.ok) throw new LauncherError(answer.step, answer.message);
  if ("errno" in answer) {
    const code = getSystemErrorName(-answer.errno);
    throw Object.assign(new Error(`spawn ${words[0]} ${code}`), { code });
  }
  return heard.outcome(answer.code, answer.signal === null ? null : nameOfSignal(answer.signal), answer.ms);
}
