import type { Capsule, ProcessStream } from "capsuled";
import { InvalidStateError } from "capsuled";
import type { Context } from "./context.ts";

const STREAMS = ["stdout", "stderr"] as const;
type StreamName = (typeof STREAMS)[number];

/**
 * Passes on what a process has printed up to now, in the order in which it was printed, each piece to its own stream. A capsule that is
 * paused tells the streams one after another only, and that is said.
 */
export async function passPrinted(context: Context, capsule: Capsule, selector: string): Promise<void> {
  const stream = capsule.commands.connect(selector);
  try {
    const { id } = await stream.started;
    const [stdout, stderr] = await Promise.all(STREAMS.map((name) => capsule.commands.output(id, { stream: name, limit: 1 })));
    await passUpTo(context, stream, { stdout: stdout?.total ?? 0, stderr: stderr?.total ?? 0 });
  } catch (error) {
    if (!(error instanceof InvalidStateError)) throw error;
    if (!context.json) context.note("capsuled: the capsule is not running, so its two streams come one after the other");
    for (const name of STREAMS) await passStream(context, capsule, selector, name);
  } finally {
    await stream.return();
  }
}

async function passUpTo(context: Context, stream: ProcessStream, totals: Readonly<Record<StreamName, number>>): Promise<void> {
  const passed = { stdout: 0, stderr: 0 };
  let isStarted = false;
  while (!isStarted || passed.stdout < totals.stdout || passed.stderr < totals.stderr) {
    const { value: event, done } = await stream.next();
    if (done === true || event.type === "exit") return;
    switch (event.type) {
      case "start":
        isStarted = true;
        if (context.json) context.say(JSON.stringify(event));
        break;
      case "stdout":
      case "stderr":
        passed[event.type] += event.bytes.length;
        if (context.json) context.say(JSON.stringify({ type: event.type, data: event.data, seq: event.seq }));
        else await context.write(event.type, event.bytes);
        break;
      case "gap":
        passed.stdout += event.stdout_bytes;
        passed.stderr += event.stderr_bytes;
        if (context.json) context.say(JSON.stringify(event));
        else context.note(`capsuled: ${event.stdout_bytes + event.stderr_bytes} bytes of its output are not kept any more`);
        break;
    }
  }
}

/** Passes on one of its streams, to the stream of the same name. */
export async function passStream(context: Context, capsule: Capsule, selector: string, name: StreamName): Promise<void> {
  const range = await capsule.commands.output(selector, { stream: name });
  if (context.json) return context.say(JSON.stringify({ type: name, ...range, bytes: undefined, text: range.text }));
  if (range.gap_bytes > 0) context.note(`capsuled: the first ${range.gap_bytes} bytes of ${name} are not kept any more`);
  await context.write(name, range.bytes);
}
