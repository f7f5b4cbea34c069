import { readFileSync } from "node:fs";
import { readState } from "./state.ts";

/** Milliseconds between two looks. */
const LOOK_MS = 50;

/** Bytes of a process of the host that lie in memory. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

/** By how many bytes the server's memory grows at most while this is done. */
export async function mostMemoryWhile(done: () => Promise<void>): Promise<number> {
  const { pid } = readState();
  const before = residentBytes(pid);
  let most = before;
  const look = setInterval(() => (most = Math.max(most, residentBytes(pid))), LOOK_MS);
  try {
    await done();
  } finally {
    clearInterval(look);
  }
  return most - before;
}
