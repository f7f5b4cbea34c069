import { createHash } from "node:crypto";

/** What an installation calls its things on the host: of the installation's id, so that two do not meet. */
export interface NetworkNames {
  readonly bridge: string;
  /** Of the bridge: said, since one that takes its ports' changes whenever a capsule comes or goes, and capsules then ask in vain. */
  readonly mac: string;
  readonly table: string;
  /** The host's end of the n-th capsule's pair of interfaces. */
  veth(n: number): string;
}

export function networkNames(installationId: string): NetworkNames {
  const hash = createHash("sha256").update(installationId).digest("hex").slice(0, 8);
  // 15 characters at most.
  const mac = ["02", "ca", ...(hash.match(/../g) ?? [])].join(":");
  return { bridge: `cap${hash}`, mac, table: `capsuled_${hash}`, veth: (n) => `cv${hash}-${n.toString(36)}` };
}
