import type { EndpointDefinition } from "@capsuled/contract";
import { endpointDefinition } from "@capsuled/contract";
import type { z } from "zod";

/** A definition as a caller would write it, with defaults. */
export function definitionOf(fields: z.input<typeof endpointDefinition>): EndpointDefinition {
  return endpointDefinition.parse(fields);
}
