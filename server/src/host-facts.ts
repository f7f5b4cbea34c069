import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";

/** What this host has: the upper bounds of one capsule. */
export function hostFacts(): { readonly hostCores: number; readonly hostMemoryMb: number } {
  return { hostCores: availableParallelism(), hostMemoryMb: Math.floor(totalmem() / (1024 * 1024)) };
}

/** Names the life of this machine: it is another one after each start of the kernel. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}
