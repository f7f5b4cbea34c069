import type { EndpointTransformer } from "@capsuled/contract";

/** What a transformer made of standard output, or why it could not. */
export type Transformed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

/** Runs transformers with bounds on their time and memory, away from the event loop where they could hold it. */
export interface TransformRunner {
  /** Never throws: a pattern that runs too long, output that is no JSON and an expression that fails are messages. */
  transform(transformer: EndpointTransformer, stdout: Uint8Array, signal?: AbortSignal): Promise<Transformed>;
  /** What is wrong with the transformer itself; undefined when nothing is. Never throws. */
  check(transformer: EndpointTransformer): Promise<string | undefined>;
}
