import type { AgentLink } from "../ports/agent-link.ts";
import { AgentRefusal } from "../ports/agent-link.ts";
import type { RunAs } from "../process/run-as.ts";
import { asSettingsSay, placed } from "../process/run-as.ts";
import { notStartable } from "../process/refusal.ts";
import { StartRefused } from "../process/service.ts";
import { startSpec } from "../process/spec.ts";
import type { TemplateSettings } from "../template/settings.ts";
import { openSettings } from "../template/settings.ts";
import type { CapsuleDeps } from "./deps.ts";
import { openEnvs } from "./open-envs.ts";
import type { CapsuleRecord } from "./record.ts";
import { pausedFor } from "./wait.ts";

/** Tag of what a template's start command began. */
export const START_TAG = "start";
/** Milliseconds between two looks whether a capsule is ready: the first, and what it grows to. */
const LOOK_MS = { first: 20, most: 500 } as const;
/** Bytes of the start command's output that a failure quotes. */
const QUOTED_BYTES = 1024;

type ReadyCheck = NonNullable<TemplateSettings["readyCheck"]>;

/** The template's start command or ready check did not do as it says; the message is for callers. */
export class NotReadyError extends Error {
  override readonly name = "NotReadyError";
}

/** Begins what the capsule's template says to begin, and waits until it says that it is ready. Throws `NotReadyError`. */
export async function makeReady(deps: CapsuleDeps, record: CapsuleRecord, link: AgentLink, signal: AbortSignal): Promise<void> {
  const settings = openSettings(deps.sealer, record.sealedSettings, record.id);
  if (settings === null || (settings.startCommand === null && settings.readyCheck === null)) return;
  const by = record.requestedBy?.id ?? "boot";
  const as = await asSettingsSay(deps, link, settings, by).catch((error: unknown) => {
    throw error instanceof StartRefused ? new NotReadyError(error.message) : error;
  });
  const around: Around = { deps, link, signal, by, as, envs: { ...as.envs, ...openEnvs(deps, record) } };
  const started = settings.startCommand === null ? null : await begin(around, settings.startCommand);
  if (settings.readyCheck !== null) await awaitReady(around, settings.readyCheck, started);
}

interface Around {
  readonly deps: CapsuleDeps;
  readonly link: AgentLink;
  readonly signal: AbortSignal;
  readonly by: string;
  readonly as: RunAs;
  readonly envs: Readonly<Record<string, string>>;
}

async function begin({ deps, link, by, as, envs }: Around, command: NonNullable<TemplateSettings["startCommand"]>): Promise<string> {
  const mode = { tag: START_TAG, stdin: false, foreground: false, busy: false, timeoutSec: 0, onDisconnect: "continue", by } as const;
  const spec = startSpec(placed(command, as), envs, { id: deps.ids.next("pr"), ...mode, ...as.mode });
  try {
    return (await link.start(spec)).id;
  } catch (error) {
    const refused = notStartable(command.cmd, error);
    const message = refused?.message ?? (error instanceof AgentRefusal ? error.message : undefined);
    throw message === undefined ? error : new NotReadyError(`The template's start command did not begin: ${message}`);
  }
}

async function awaitReady(around: Around, check: ReadyCheck, started: string | null): Promise<void> {
  const deadline = performance.now() + check.timeoutSec * 1000;
  for (let waitMs: number = LOOK_MS.first; ; waitMs = Math.min(waitMs * 2, LOOK_MS.most)) {
    const leftMs = deadline - performance.now();
    if (await passes(around, check, Math.max(leftMs, 1))) return;
    if (started !== null) await requireAlive(around.link, started);
    around.signal.throwIfAborted();
    if (leftMs <= 0)
      throw new NotReadyError(`The template's ready check did not pass within ${check.timeoutSec} s.${await quoted(around.link, started)}`);
    await pausedFor(Math.min(waitMs, leftMs), around.signal);
  }
}

async function passes({ deps, link, signal, by, as, envs }: Around, check: ReadyCheck, leftMs: number): Promise<boolean> {
  if ("port" in check) return (await link.ports()).some(({ port }) => port === check.port);
  const timeoutSec = Math.ceil(leftMs / 1000);
  const mode = { tag: "", stdin: false, foreground: true, busy: false, timeoutSec, onDisconnect: "kill", by } as const;
  const spec = startSpec(placed(check, as), envs, { id: deps.ids.next("pr"), ...mode, ...as.mode });
  try {
    return (await link.run(spec, null, 0, signal)).end.exitCode === 0;
  } catch (error) {
    // What cannot be started yet may come with what the start command does.
    if (error instanceof AgentRefusal) return false;
    throw error;
  }
}

/** One that ended well may have left another process behind that does the work. */
async function requireAlive(link: AgentLink, id: string): Promise<void> {
  const { end } = await link.get(id);
  if (end === null || end.exitCode === 0) return;
  throw new NotReadyError(
    `The template's start command ended with exit code ${end.exitCode} before it was ready.${await quoted(link, id)}`,
  );
}

/** What the start command said last. */
async function quoted(link: AgentLink, id: string | null): Promise<string> {
  if (id === null) return "";
  const texts: string[] = [];
  for (const stream of ["stdout", "stderr"] as const) {
    const { total } = await link.output(id, stream, 0, 1);
    const { bytes } = await link.output(id, stream, Math.max(0, total - QUOTED_BYTES), QUOTED_BYTES);
    const text = new TextDecoder().decode(bytes).trim();
    if (text !== "") texts.push(text);
  }
  return texts.length === 0 ? "" : ` It printed: ${texts.join("\n")}`;
}
