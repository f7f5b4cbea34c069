import type { MemoryEvidence } from "@capsuled/contract";
import type { CapsuleDeps } from "./deps.ts";
import type { CapsuleRecord } from "./record.ts";

/** Milliseconds that a look at a capsule's memory may take; its end does not wait longer. */
const LOOK_MS = 500;

/** What a capsule's memory is like; `null` when nobody can look any more. */
export async function memoryEvidenceOf(
  deps: { readonly driver: Pick<CapsuleDeps["driver"], "stats">; readonly log: CapsuleDeps["log"] },
  record: CapsuleRecord,
): Promise<MemoryEvidence | null> {
  if (record.handle === null) return null;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), LOOK_MS);
  });
  try {
    const stats = await Promise.race([deps.driver.stats(record.handle), late]);
    if (stats === null) return null;
    return { memory_limit_bytes: record.memoryMb * 1024 * 1024, memory_peak_bytes: stats.memoryPeakBytes, oom_kills: stats.oomKills };
  } catch (error) {
    deps.log.debug({ capsuleId: record.id, error }, "a capsule's memory could not be looked at");
    return null;
  } finally {
    clearTimeout(timer);
  }
}
