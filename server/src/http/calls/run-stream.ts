import type { EndpointTransformer } from "@capsuled/contract";
import type { RunRecord } from "../../core/run/record.ts";
import type { RunHandle } from "../../core/run/service.ts";
import { Outcome } from "../../lib/outcome.ts";
import type { BodySink, BodyStream } from "../answer.ts";
import type { RouteDeps } from "../deps.ts";
import { KEEP_ALIVE } from "../event-stream.ts";
import { endEvent, hasOutcome, renderEvent } from "./end-event.ts";
import type { Place } from "./event-id.ts";
import { renderEventId } from "./event-id.ts";
import { EventWriter } from "./event-writer.ts";
import { SseLines } from "./sse-lines.ts";

/** Milliseconds after which a browser comes back when the stream breaks off; spread, so that a server that starts again is not met by all at once. */
const RETRY_MS = { least: 1500, spread: 1500 } as const;

export interface RunStreamOptions {
  readonly handle: RunHandle;
  /** Where its reader goes on. */
  readonly place: Place;
  readonly transformer: EndpointTransformer | null;
  /** Aborted when the stream is to end early: a revoked key, a server that stops. */
  readonly ended: AbortSignal;
  /** Called once, when it is over. */
  leave(): void;
}

interface Deps extends Pick<RouteDeps, "streamLimits"> {
  readonly transformed: Pick<RouteDeps["transformed"], "of">;
}

/** A run's events from a place on, at the reader's own pace: the run goes on whether or not they are read. */
export function runStream(deps: Deps, options: RunStreamOptions): BodyStream {
  return {
    cancel: () => options.leave(),
    async write(sink) {
      try {
        await new RunEvents(deps, options, sink).write();
      } finally {
        options.leave();
      }
    },
  };
}

class RunEvents {
  readonly #deps: Deps;
  readonly #options: RunStreamOptions;
  readonly #writer: EventWriter;
  readonly #gone = new AbortController();

  constructor(deps: Deps, options: RunStreamOptions, sink: BodySink) {
    this.#deps = deps;
    this.#options = options;
    this.#writer = new EventWriter(sink);
    sink.onClose(() => this.#gone.abort());
  }

  async write(): Promise<void> {
    const { place, transformer } = this.#options;
    const retryMs = RETRY_MS.least + Math.floor(Math.random() * RETRY_MS.spread);
    // An id without data is no event to a reader, and where it comes back to if it is cut off before the first one.
    if (!(await this.#writer.send(`retry: ${retryMs}\nid: ${renderEventId(place)}\n\n`))) return;
    if (transformer === null) return this.#writeLines();
    const run = await this.#end();
    if (run === undefined) return;
    if (run.status !== "succeeded") return this.#writeLines();
    await this.#writeTransformed(run, transformer);
  }

  /** Each line as it comes, then the end. */
  async #writeLines(): Promise<void> {
    const { handle, place, ended } = this.#options;
    const { keepAliveMs } = this.#deps.streamLimits;
    const lines = new SseLines(place.runId, place.position);
    const reader = handle.read(place.position, true);
    const signal = AbortSignal.any([ended, this.#gone.signal]);
    const close = (): void => reader.close();
    if (signal.aborted) close();
    else signal.addEventListener("abort", close, { once: true });
    try {
      for (;;) {
        const item = await reader.next(keepAliveMs);
        if (item === undefined) return;
        switch (item.kind) {
          case "output":
            for (let at = 0; at < item.bytes.length;) {
              at += lines.push(item.stream, item.bytes.subarray(at));
              if (!(await this.#writer.send(lines.take()))) return;
            }
            break;
          case "gap": {
            const { stdoutBytes, stderrBytes } = item;
            lines.gap(stdoutBytes, stderrBytes);
            const gap = { type: "gap", stdout_bytes: stdoutBytes, stderr_bytes: stderrBytes } as const;
            if (!(await this.#writer.send(lines.take())) || !(await this.#writer.send(renderEvent(this.#at(lines), gap)))) return;
            break;
          }
          case "idle":
            if (!(await this.#writer.send(`${KEEP_ALIVE}\n`))) return;
            break;
          case "end": {
            lines.finish();
            const last = renderEvent({ ...this.#at(lines), passed: "end" }, endEvent(item.run));
            await this.#writer.send(Buffer.concat([lines.take(), Buffer.from(last)]));
            return;
          }
        }
      }
    } finally {
      signal.removeEventListener("abort", close);
      reader.close();
    }
  }

  /** The transformer's result, then the end. */
  async #writeTransformed(run: RunRecord, transformer: EndpointTransformer): Promise<void> {
    const { handle, place } = this.#options;
    const position = { stdout: run.stdoutBytes, stderr: run.stderrBytes };
    const end = { runId: run.id, position, passed: "end" } as const;
    if (place.passed === "lines") {
      const result = await this.#deps.transformed.of(handle, transformer);
      if (!result.ok) {
        const error = `The transformer failed: ${result.message}`;
        await this.#writer.send(renderEvent(end, { type: "error", error, run_id: run.id, reason: run.reason }));
        return;
      }
      if (!(await this.#writer.sendTransformed({ ...end, passed: "transformed" }, result.json))) return;
    }
    if (hasOutcome(run)) await this.#writer.send(renderEvent(end, endEvent(run)));
  }

  /** The run's end, and word meanwhile that the connection lives; `undefined` when the stream is over before. */
  async #end(): Promise<RunRecord | undefined> {
    const { handle, ended } = this.#options;
    const signal = AbortSignal.any([ended, this.#gone.signal]);
    const outcome = new Outcome(handle.ended);
    while (!signal.aborted) {
      const run = await outcome.within(this.#deps.streamLimits.keepAliveMs, signal);
      if (run !== undefined) return run;
      if (!signal.aborted && !(await this.#writer.send(`${KEEP_ALIVE}\n`))) return undefined;
    }
    return undefined;
  }

  #at(lines: SseLines): Place {
    return { runId: this.#options.place.runId, position: lines.position, passed: "lines" };
  }
}
