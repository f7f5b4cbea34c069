import type { EndpointMethod } from "@capsuled/contract";
import type { StoredDefinition } from "./record.ts";

const METHODS_DEFAULT: readonly EndpointMethod[] = ["GET", "POST"];

/** The methods that an endpoint is called by. */
export function methodsOfEndpoint({ method }: StoredDefinition): readonly EndpointMethod[] {
  if (method === undefined) return METHODS_DEFAULT;
  return typeof method === "string" ? [method] : [...new Set(method)];
}

/** Whether a call is answered before its run ends. */
export function isAsync({ async: given, trigger }: StoredDefinition): boolean {
  return given ?? trigger === "webhook";
}
