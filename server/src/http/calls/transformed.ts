import type { EndpointTransformer } from "@capsuled/contract";
import type { Transformed } from "../../core/endpoint/transform.ts";
import type { RunHandle } from "../../core/run/service.ts";
import type { RouteDeps } from "../deps.ts";

/** Bytes of standard output that a transformer reads at most. */
export const TRANSFORMED_BYTES_MAX = 16 * 1024 * 1024;

/** What the transformer makes of an ended run's standard output. */
export async function transformedOutput(
  { runs, transforms }: Pick<RouteDeps, "runs" | "transforms">,
  handle: RunHandle,
  transformer: EndpointTransformer,
): Promise<Transformed> {
  const { output } = await runs.collect(handle, TRANSFORMED_BYTES_MAX);
  if (output.hasGap) return { ok: false, message: "some of the output is not kept any more" };
  if (output.isTruncated) return { ok: false, message: `the output is larger than ${TRANSFORMED_BYTES_MAX} bytes` };
  return transforms.transform(transformer, output.stdout);
}
