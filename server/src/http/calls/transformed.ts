import type { EndpointTransformer } from "@capsuled/contract";
import type { Transformed, TransformFailure } from "../../core/endpoint/transform.ts";
import type { RunHandle } from "../../core/run/service.ts";
import { createSingleFlight } from "../../lib/single-flight.ts";
import type { HttpServices } from "../deps.ts";

/** Bytes of standard output that a transformer reads at most. */
export const TRANSFORMED_BYTES_MAX = 16 * 1024 * 1024;
/** Results that are remembered for callers who come back, and their bytes together. */
const REMEMBERED_MAX = 1000;
const REMEMBERED_BYTES_MAX = 32 * 1024 * 1024;
/** Bytes that one costs beside its own. */
const ENTRY_BYTES = 512;

/** What transformers made of ended runs: worked out once, however many ask for it and come back. */
export class TransformedRuns {
  readonly #services: Pick<HttpServices, "runs" | "transforms">;
  readonly #flights = createSingleFlight<Transformed>();
  /** The least recently used first. */
  readonly #remembered = new Map<string, Transformed>();
  #bytes = 0;

  constructor(services: Pick<HttpServices, "runs" | "transforms">) {
    this.#services = services;
  }

  /** Bytes that are remembered. */
  get bytes(): number {
    return this.#bytes;
  }

  async of(handle: RunHandle, transformer: EndpointTransformer): Promise<Transformed> {
    const key = `${handle.run.id} ${JSON.stringify(transformer)}`;
    const known = this.#remembered.get(key);
    if (known === undefined) return this.#flights.run(key, () => this.#work(key, handle, transformer));
    this.#remembered.delete(key);
    this.#remembered.set(key, known);
    return known;
  }

  async #work(key: string, handle: RunHandle, transformer: EndpointTransformer): Promise<Transformed> {
    const { runs, transforms } = this.#services;
    const { teamId, stdoutBytes } = await handle.ended;
    if (stdoutBytes > TRANSFORMED_BYTES_MAX) return refused(`the output is larger than ${TRANSFORMED_BYTES_MAX} bytes`);
    const made = await transforms.transform(teamId, transformer, {
      bytes: stdoutBytes,
      async read() {
        const { output } = await runs.collect(handle, "stdout", TRANSFORMED_BYTES_MAX);
        return output.hasGap ? refused("some of the output is not kept any more") : { ok: true, stdout: output.bytes };
      },
    });
    if (made.ok || !made.isTransient) this.#remember(key, made);
    return made;
  }

  #remember(key: string, made: Transformed): void {
    this.#remembered.set(key, made);
    this.#bytes += sizeOf(key, made);
    for (const [oldest, result] of this.#remembered) {
      if (this.#bytes <= REMEMBERED_BYTES_MAX && this.#remembered.size <= REMEMBERED_MAX) return;
      this.#remembered.delete(oldest);
      this.#bytes -= sizeOf(oldest, result);
    }
  }
}

function sizeOf(key: string, made: Transformed): number {
  return ENTRY_BYTES + key.length + (made.ok ? made.json.length : 0);
}

function refused(message: string): TransformFailure {
  return { ok: false, message, isTransient: false };
}
