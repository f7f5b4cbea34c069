import { availableParallelism, totalmem } from "node:os";

/** What this host has: the upper bounds of one capsule. */
export function hostFacts(): { readonly hostCores: number; readonly hostMemoryMb: number } {
  return { hostCores: availableParallelism(), hostMemoryMb: Math.floor(totalmem() / (1024 * 1024)) };
}
