import { ENDPOINT_NAME, LIMITS } from "@capsuled/contract";
import { z } from "zod";
import type { EndpointRecord } from "../endpoint/record.ts";
import type { Sealer } from "../ports/sealer.ts";
import type { NotificationDraft } from "./ended.ts";
import { notificationOf } from "./ended.ts";
import type { RunRecord } from "./record.ts";
import type { RunRequest } from "./service.ts";
import type { SealedInput } from "./store.ts";

/** All that a run needs of its endpoint and its call: what is changed or deleted afterwards changes nothing of it. */
const runPlan = z.object({
  cmd: z.string(),
  args: z.array(z.string()),
  /** The endpoint's variables, and those that carry arguments. */
  env: z.record(z.string(), z.string()),
  cwd: z.string().nullable(),
  timeoutSec: z.number(),
  place: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("bound"), capsule: z.string() }),
    z.object({ kind: z.literal("fresh"), template: z.string(), vcpus: z.number().nullable(), memoryMb: z.number().nullable() }),
  ]),
  maxConcurrency: z.number().nullable(),
  endpoint: z.string().regex(ENDPOINT_NAME),
  notify: z.object({ url: z.string(), on: z.enum(["always", "success", "failure"]) }).nullable(),
  /** Base64; `null` is no standard input at all. */
  stdin: z.string().nullable(),
});
type StoredPlan = z.output<typeof runPlan>;
export interface RunPlan extends Omit<StoredPlan, "stdin"> {
  readonly stdin: Uint8Array | null;
}

/** What an endpoint that says nothing gets as its fresh capsule. */
const TEMPLATE_DEFAULT = "minimal";

export function planOf(request: RunRequest, envs: Readonly<Record<string, string>>): RunPlan {
  const { definition, name } = request.endpoint;
  const { cmd, args, env } = request.invocation;
  return {
    cmd,
    args: [...args],
    env: { ...envs, ...env },
    cwd: definition.working_dir ?? null,
    timeoutSec: definition.timeout,
    place:
      definition.capsule === undefined
        ? {
            kind: "fresh",
            template: definition.template ?? TEMPLATE_DEFAULT,
            vcpus: definition.vcpus ?? null,
            memoryMb: definition.memory_mb ?? null,
          }
        : { kind: "bound", capsule: definition.capsule },
    maxConcurrency: definition.max_concurrency ?? null,
    endpoint: name,
    notify: notifyOf(request.endpoint),
    stdin: request.stdin,
  };
}

export function notifyOf({ definition }: Pick<EndpointRecord, "definition">): RunPlan["notify"] {
  return definition.notify_url === undefined ? null : { url: definition.notify_url, on: definition.notify_on };
}

/** The notification that an ended run asks for. */
export function draftOf(run: RunRecord, notify: RunPlan["notify"]): NotificationDraft | null {
  return notify === null ? null : notificationOf(run, { definition: { notify_url: notify.url, notify_on: notify.on } });
}

const inputContext = (runId: string): string => `run/${runId}`;

/** The plan as it is stored with the intent. */
export function sealPlan(sealer: Sealer, runId: string, plan: RunPlan): SealedInput {
  const stored: StoredPlan = { ...plan, stdin: plan.stdin === null ? null : toBase64(plan.stdin) };
  return { sealed: sealer.seal(JSON.stringify(stored), inputContext(runId)) };
}

/** Throws when it was altered, or another version's. */
export function openPlan(sealer: Sealer, runId: string, { sealed }: SealedInput): RunPlan {
  const stored = runPlan.parse(JSON.parse(sealer.open(sealed, inputContext(runId))));
  return { ...stored, stdin: stored.stdin === null ? null : Uint8Array.from(atob(stored.stdin), (char) => char.charCodeAt(0)) };
}

const PIECE = 8192;

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE) text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(text);
}

/** Milliseconds that a run waits for its turn at most: as long as its command may take. */
export function queueMs(plan: Pick<RunPlan, "timeoutSec">): number {
  return Math.min(plan.timeoutSec, LIMITS.timeoutSecMax) * 1000;
}
