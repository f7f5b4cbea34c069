import type { DriverNetwork, Handle } from "../../core/ports/driver.ts";
import { readHandle } from "./handle.ts";
import type { OciHost } from "./host.ts";
import type { CapsulePaths } from "./layout.ts";
import { capsulePaths } from "./layout.ts";
import type { Inhabitant, CapsuleNetwork } from "./network/network.ts";
import type { ResolverPlace } from "./network/own-resolver.ts";
import { cannotConnect } from "./network/settings.ts";
import type { OciOptions } from "./options.ts";
import { startTimeOf } from "./state.ts";

export function resolverPlace(host: OciHost, paths: CapsulePaths): ResolverPlace {
  return { dir: paths.dir, group: `${host.hierarchies.unified}${paths.cgroup}` };
}

/** The driver's power over capsules' networks; `null` where the settings or the host leave capsules with loopback only. */
export function networkPower(options: OciOptions, openHost: () => Promise<OciHost>): DriverNetwork | null {
  if (options.network === null) return null;
  const why = cannotConnect();
  if (why !== null) {
    options.log.warn({ why }, "capsules have loopback only: this host cannot connect them");
    return null;
  }
  const at = async (handle: Handle): Promise<[CapsuleNetwork | null, Inhabitant]> => {
    const host = await openHost();
    const { capsuleId, pid, startTime, boot } = readHandle(handle);
    const isStill = (): boolean => boot === host.boot && startTimeOf(pid) === startTime;
    return [host.network, { ...resolverPlace(host, capsulePaths(host.layout, capsuleId)), id: capsuleId, pid, isStill }];
  };
  return {
    async set(handle, egress) {
      const [network, capsule] = await at(handle);
      await network?.set(capsule, egress);
    },
    async read(handle, withDecisions) {
      const [network, capsule] = await at(handle);
      return network === null ? null : network.read(capsule, withDecisions);
    },
  };
}
