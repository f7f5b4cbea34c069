import { waitUntil } from "../harness/wait.ts";
import type { HostTraces } from "../harness/host.ts";
import { hostTraces } from "../harness/host.ts";
import type { Ledger } from "./ledger.ts";

const SETTLE_MS = 10_000;
const COUNTED_AS = {
  processes: "processes",
  mounts: "mounts",
  cgroups: "cgroups",
  networkNamespaces: "others",
  interfaces: "others",
  loopDevices: "others",
  runEntries: "others",
  disks: "others",
} as const satisfies Record<keyof HostTraces, keyof Ledger["left"]>;
const KINDS = ["processes", "mounts", "cgroups", "networkNamespaces", "loopDevices", "runEntries", "disks"] as const;

/** Counts what is on the host now and was not before; what is being removed has a moment. */
export async function countLeftBehind(ledger: Ledger, dataDir: string, before: HostTraces): Promise<void> {
  const left = (): readonly (readonly [(typeof KINDS)[number], readonly string[]])[] => {
    const now = hostTraces(dataDir);
    return KINDS.map((kind) => [kind, now[kind].filter((entry) => !before[kind].includes(entry))] as const);
  };
  const isClean = (): true | undefined => (left().every(([, entries]) => entries.length === 0) ? true : undefined);
  await waitUntil(isClean, { what: "a clean host", timeoutMs: SETTLE_MS, everyMs: 200 }).catch(() => undefined);
  for (const [kind, entries] of left()) {
    ledger.left[COUNTED_AS[kind]] += entries.length;
    if (entries.length > 0) ledger.find("host", `${kind} are left`, { count: entries.length, some: entries.slice(0, 5) });
  }
}
