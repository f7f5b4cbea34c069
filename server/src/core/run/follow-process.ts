import type { LiveCapsule } from "../capsule/live.ts";
import type { ProcessStream } from "../ports/agent-link.ts";
import { AgentLostError } from "../ports/agent-link.ts";
import { conclude } from "./conclude.ts";
import type { RunContext } from "./context.ts";
import type { LiveRun } from "./live-run.ts";
import { concludeLost } from "./lost-process.ts";
import { outcomeOf } from "./outcome.ts";
import type { StdinFeed } from "./stdin-feed.ts";
import { feedOf } from "./stdin-feed.ts";

/** Milliseconds between tries to reach the agent again, and how often it is tried. */
const AGAIN_MS = 200;
const AGAIN_TRIES = 10;

/** Takes over what a run's process prints until it ends. */
export function followProcess(ctx: RunContext, live: LiveRun, capsule: LiveCapsule, stream: ProcessStream, feed: StdinFeed | null): void {
  let nextSeq: number | "start" = stream.started.nextSeq <= 1 ? "start" : stream.started.nextSeq;
  const { tape } = live;
  live.stream = stream;
  capsule.busy += 1;
  const over = (): void => {
    live.stream = null;
    capsule.busy -= 1;
    capsule.touch(ctx.deps.clock.now());
  };
  const asked = live.cancelled;
  stream.onEvent((event) => {
    switch (event.kind) {
      case "stdout":
      case "stderr":
        nextSeq = event.seq + 1;
        tape.append(event.kind, event.offset, event.bytes);
        if (!tape.isFull) return;
        stream.pause();
        return tape.onRoom(() => stream.resume());
      case "gap":
        nextSeq = event.toSeq + 1;
        return;
      case "stdin_room":
        return feed?.advance(event.bytes);
      case "stdin_full":
      case "stdin_gap":
        return;
      case "exit":
        over();
        return conclude(ctx, live, outcomeOf(event, live.plan?.timeoutSec ?? null));
      case "failed":
        over();
        if (!ctx.isClosing) void followAgain(ctx, live, nextSeq);
    }
  }, true);
  if (live.isOver || live.stream === null) return;
  // Asked for while it was being started.
  if (asked !== null) stream.cancel(asked === "client_gone" ? "client_gone" : "stopped", 0);
  else feed?.advance(0);
  ctx.writer.save({ run: live.record, output: null, notification: null });
}

/** The way to the agent broke off: goes on from the record that is next, as long as the capsule is there. */
async function followAgain(ctx: RunContext, live: LiveRun, nextSeq: number | "start"): Promise<void> {
  const { capsuleId, processId } = live.record;
  for (let tries = 0; tries < AGAIN_TRIES && !ctx.isClosing && capsuleId !== null; tries += 1) {
    const capsule = ctx.deps.live.get(capsuleId);
    if (capsule === undefined) break;
    try {
      const stream = await capsule.link.attach(processId, nextSeq);
      return followProcess(ctx, live, capsule, stream, feedOf(stream, live.plan?.stdin, false));
    } catch (error) {
      ctx.deps.log.debug({ runId: live.record.id, capsuleId, error }, "a run's process could not be read on");
      if (!(error instanceof AgentLostError)) break;
    }
    await new Promise<void>((resolve) => setTimeout(resolve, AGAIN_MS));
  }
  await concludeLost(ctx, live);
}
