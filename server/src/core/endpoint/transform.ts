import type { EndpointTransformer } from "@capsuled/contract";

/** What a transformer made of standard output, JSON in UTF-8, or why it could not. `isTransient`: another try may go better. */
export type Transformed =
  | { readonly ok: true; readonly json: Uint8Array }
  | { readonly ok: false; readonly message: string; readonly isTransient: boolean };

export type TransformFailure = Extract<Transformed, { readonly ok: false }>;

/** Standard output, read when it is its turn: what waits holds nothing of it. */
export interface TransformInput {
  readonly bytes: number;
  read(): Promise<{ readonly ok: true; readonly stdout: Uint8Array } | TransformFailure>;
}

/** Runs transformers with bounds on their time and memory, away from the event loop where they could hold it. */
export interface TransformRunner {
  /** In the team's turn. Never throws: a pattern that runs too long, output that is no JSON and an expression that fails are messages. */
  transform(teamId: string, transformer: EndpointTransformer, input: TransformInput, signal?: AbortSignal): Promise<Transformed>;
  /** What is wrong with the transformer itself; undefined when nothing is. Never throws. */
  check(teamId: string, transformer: EndpointTransformer): Promise<string | undefined>;
}
