import type { Principal } from "../access/principal.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { runningCapsule } from "../capsule/running.ts";
import type { AnswerForm, Intent } from "../idempotency/service.ts";
import type { ProcessEvent, ProcessStream } from "../ports/agent-link.ts";
import { AgentRefusal } from "../ports/agent-link.ts";
import { attachAgain } from "./again.ts";
import type { ProcessDeps } from "./deps.ts";
import { notStartable, refusalToError } from "./refusal.ts";
import { environment, placed, runAs } from "./run-as.ts";
import type { StartInput, StreamTarget } from "./service.ts";
import { StartRefused } from "./service.ts";
import type { RunMode } from "./spec.ts";
import { startSpec, timeoutSeconds } from "./spec.ts";

/** Checks that a stream may be opened in the caller's capsule. */
export async function prepareStream(deps: ProcessDeps, principal: Principal, capsuleId: string): Promise<StreamTarget> {
  await runningCapsule(deps, principal, capsuleId);
  return {
    async start(input) {
      if (input.idempotency_key !== undefined) return openOnce(deps, principal, capsuleId, input, input.idempotency_key);
      const live = await runningCapsule(deps, principal, capsuleId);
      return startStream(deps, live, input, { id: deps.ids.next("pr"), tag: `bg-${deps.ids.hex(4)}`, by: principal.keyId });
    },
  };
}

/** A stream is its reader's own, so a repeat attaches to the process for itself, from the first record. */
const NOT_KEPT: AnswerForm<ProcessStream> = {
  render: () => null,
  parse() {
    throw new Error("a stream is never kept");
  },
};

/** Starts the process once, however often the same `start` comes. */
async function openOnce(
  deps: ProcessDeps,
  principal: Principal,
  capsuleId: string,
  input: StartInput,
  key: string,
): Promise<ProcessStream> {
  const open = async (intent: Intent): Promise<ProcessStream> => {
    const id = intent.ids.next("pr");
    const tag = `bg-${intent.ids.hex(4)}`;
    const again = await attachAgain(deps, principal, capsuleId, id, intent.stage);
    const live = deps.live.get(capsuleId);
    if (again !== undefined && live !== undefined) return countActivity(deps, live, again, () => {});
    return startStream(deps, await runningCapsule(deps, principal, capsuleId), input, { id, tag, by: principal.keyId, key: intent.key });
  };
  const named = { key, request: `GET /v1/capsules/${capsuleId}/exec/stream`, body: input };
  return (await deps.idempotency.run(principal, named, open, NOT_KEPT)).value;
}

async function startStream(
  deps: ProcessDeps,
  live: LiveCapsule,
  input: StartInput,
  mode: Pick<RunMode, "id" | "tag" | "by" | "key">,
): Promise<ProcessStream> {
  const as = await runAs(deps, live, mode.by);
  const spec = startSpec(placed(input, as), environment(as, live.envs), {
    ...as.mode,
    ...mode,
    tag: input.tag ?? mode.tag,
    stdin: input.stdin === true,
    foreground: false,
    busy: true,
    timeoutSec: timeoutSeconds(input) ?? 0,
    onDisconnect: input.on_disconnect ?? "continue",
  });
  live.touch(deps.clock.now());
  let stream: ProcessStream;
  try {
    stream = await live.link.open(spec);
  } catch (error) {
    deps.metrics.execEnded("stream", "not_started");
    throw startRefusal(input.cmd, error) ?? refusalToError(error);
  }
  live.busy += 1;
  deps.metrics.execEnded("stream", "started");
  return countActivity(deps, live, stream, () => {
    live.busy -= 1;
  });
}

/** Attaches to a process of the caller's capsule. */
export async function attachProcess(
  deps: ProcessDeps,
  principal: Principal,
  capsuleId: string,
  selector: string,
  from: "now" | "start" | number,
): Promise<ProcessStream> {
  const live = await runningCapsule(deps, principal, capsuleId);
  live.touch(deps.clock.now());
  try {
    return countActivity(deps, live, await live.link.attach(selector, from), () => {});
  } catch (error) {
    throw refusalToError(error);
  }
}

export function startRefusal(cmd: string, error: unknown): StartRefused | undefined {
  const refused = notStartable(cmd, error);
  if (refused !== undefined) return new StartRefused("spawn_failed", refused.message);
  if (error instanceof AgentRefusal && error.code === "cwd_not_found") return new StartRefused("cwd_not_found", error.message);
  return undefined;
}

/** The stream, its flowing bytes counted as activity; `over` is called once when it has ended or was closed. */
export function countActivity(deps: Pick<ProcessDeps, "clock">, live: LiveCapsule, stream: ProcessStream, over: () => void): ProcessStream {
  let open = true;
  const end = (): void => {
    if (!open) return;
    open = false;
    live.touch(deps.clock.now());
    over();
  };
  return {
    started: stream.started,
    onEvent(listener: (event: ProcessEvent) => void) {
      stream.onEvent((event) => {
        if (event.kind === "exit" || event.kind === "failed") end();
        else live.touch(deps.clock.now());
        listener(event);
      });
    },
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    sendStdin(bytes, place) {
      live.touch(deps.clock.now());
      stream.sendStdin(bytes, place);
    },
    closeStdin: (place) => stream.closeStdin(place),
    resize: (size) => stream.resize(size),
    cancel: (reason, graceMs) => stream.cancel(reason, graceMs),
    close() {
      stream.close();
      end();
    },
  };
}
