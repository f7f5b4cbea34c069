import { LIMITS } from "@capsuled/contract";
import type { TerminalConnect, TerminalStart } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { runningCapsule } from "../capsule/running.ts";
import type { AgentLink, ProcessStream } from "../ports/agent-link.ts";
import { AgentRefusal } from "../ports/agent-link.ts";
import type { ProcessDeps } from "./deps.ts";
import { countActivity, startRefusal } from "./open-stream.ts";
import { refusalToError } from "./refusal.ts";
import { asSettingsSay, environment, placed, runAs } from "./run-as.ts";
import type { OpenTerminal, TerminalTarget } from "./service.ts";
import { StartRefused } from "./service.ts";
import { startSpec } from "./spec.ts";

/** Checks that a terminal may be opened in the caller's capsule. */
export async function prepareTerminal(deps: ProcessDeps, principal: Principal, capsuleId: string): Promise<TerminalTarget> {
  await runningCapsule(deps, principal, capsuleId);
  return {
    start: async (input) => startTerminal(deps, principal, await runningCapsule(deps, principal, capsuleId), input),
    connect: async (input) => connectTerminal(deps, await runningCapsule(deps, principal, capsuleId), input),
  };
}

async function startTerminal(deps: ProcessDeps, principal: Principal, live: LiveCapsule, input: TerminalStart): Promise<OpenTerminal> {
  const named = input.user === undefined ? null : { user: input.user, cwd: null };
  const as = named === null ? await runAs(deps, live, principal.keyId) : await asSettingsSay(deps, live.link, named, principal.keyId);
  const envs = named === null ? environment(as, live.envs) : { ...live.envs, ...as.envs };
  const spec = startSpec(placed(input, as), envs, {
    ...as.mode,
    id: deps.ids.next("pr"),
    tag: input.tag ?? `pty-${deps.ids.hex(4)}`,
    stdin: true,
    foreground: false,
    // A shell that waits for nobody does not keep its capsule awake; its viewers do.
    busy: false,
    timeoutSec: 0,
    onDisconnect: "continue",
    by: principal.keyId,
    pty: { cols: input.cols || LIMITS.terminalColsDefault, rows: input.rows || LIMITS.terminalRowsDefault },
  });
  live.touch(deps.clock.now());
  try {
    const stream = await live.link.open(spec);
    deps.metrics.execEnded("terminal", "started");
    return { stream: watched(deps, live, stream), showFrom: 0 };
  } catch (error) {
    deps.metrics.execEnded("terminal", "not_started");
    throw startRefusal(input.cmd, error) ?? refusalToError(error);
  }
}

async function connectTerminal(deps: ProcessDeps, live: LiveCapsule, { tag, from }: TerminalConnect): Promise<OpenTerminal> {
  const { link } = live;
  try {
    const { id } = await link.get(tag);
    const place = from === undefined ? await scrollback(link, id) : { from, showFrom: 0 };
    const stream = await link.attach(id, place.from);
    if (stream.started.pty === undefined) {
      stream.close();
      throw noTerminal(tag);
    }
    return { stream: watched(deps, live, stream), showFrom: place.showFrom };
  } catch (error) {
    if (error instanceof AgentRefusal && error.code === "not_found") throw noTerminal(tag);
    throw refusalToError(error);
  }
}

function noTerminal(tag: string): StartRefused {
  return new StartRefused("terminal_not_found", `There is no terminal ${JSON.stringify(tag)} in this capsule.`);
}

/** Where the latest part of what a terminal showed begins. */
async function scrollback(link: AgentLink, id: string): Promise<{ readonly from: "start" | number; readonly showFrom: number }> {
  const { total } = await link.output(id, "stdout", 0, 1);
  if (total <= LIMITS.scrollbackBytes) return { from: "start", showFrom: 0 };
  const showFrom = total - LIMITS.scrollbackBytes;
  const { firstSeq } = await link.output(id, "stdout", showFrom, 1);
  return { from: firstSeq ?? "start", showFrom };
}

/** An open terminal counts as activity for as long as somebody looks at it. */
function watched(deps: ProcessDeps, live: LiveCapsule, stream: ProcessStream): ProcessStream {
  live.busy += 1;
  return countActivity(deps, live, stream, () => {
    live.busy -= 1;
  });
}
