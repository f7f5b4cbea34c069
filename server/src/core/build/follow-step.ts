import type { LiveCapsule } from "../capsule/live.ts";
import { pausedFor } from "../capsule/wait.ts";
import type { ProcessEnd, StartSpec } from "../ports/agent-link.ts";
import { AgentLostError } from "../ports/agent-link.ts";
import type { BuildContext } from "./context.ts";
import { LAST_CHARS } from "./limits.ts";

/** Milliseconds between two looks whether a step that nobody reads any more has ended. */
const LOOK_MS = 200;

/**
 * Runs a step's process to its end, its output in the build's log. Once the log takes no more nobody reads on: a step that prints
 * without end costs the server nothing, and what it printed last is asked for when it has ended. Throws `AgentLostError`.
 */
export async function followStep(ctx: BuildContext, live: LiveCapsule, index: number, spec: StartSpec): Promise<ProcessEnd> {
  const stream = await live.link.open(spec);
  const { promise, resolve, reject } = Promise.withResolvers<ProcessEnd | null>();
  let seen = 0;
  stream.onEvent((event) => {
    switch (event.kind) {
      case "stdout":
      case "stderr":
        seen += event.bytes.length;
        ctx.log.output(index, event.kind, event.bytes);
        if (!ctx.log.isFull) return;
        stream.close();
        return resolve(null);
      case "gap":
        return;
      case "exit":
        return resolve(event);
      case "failed":
        return reject(new AgentLostError(event.message));
      case "stdin_room":
      case "stdin_full":
      case "stdin_gap":
        return;
    }
  });
  const end = (await promise) ?? (await endOf(ctx, live, spec.id));
  ctx.log.missing(end.stdoutBytes + end.stderrBytes - seen);
  return end;
}

async function endOf(ctx: BuildContext, { link }: LiveCapsule, id: string): Promise<ProcessEnd> {
  for (;;) {
    const { end } = await link.get(id);
    if (end !== null) {
      ctx.log.lastOf(`${await tailOf(link, id, "stdout")}${await tailOf(link, id, "stderr")}`);
      return end;
    }
    await pausedFor(LOOK_MS, ctx.signal);
  }
}

async function tailOf(link: LiveCapsule["link"], id: string, stream: "stdout" | "stderr"): Promise<string> {
  const { total } = await link.output(id, stream, 0, 1);
  const { bytes } = await link.output(id, stream, Math.max(0, total - LAST_CHARS), LAST_CHARS);
  return new TextDecoder().decode(bytes);
}
