import type { Driver, Handle } from "../../core/ports/driver.ts";
import { setFrozen } from "./freezer.ts";
import { DRIVER_NAME, readHandle } from "./handle.ts";
import type { OciHost } from "./host.ts";
import { launch } from "./launch.ts";
import type { CapsulePaths } from "./layout.ts";
import { capsulePaths } from "./layout.ts";
import { openAgentSocket } from "./open-agent.ts";
import type { OciOptions } from "./options.ts";
import { probeHost } from "./probe.ts";
import { removeDisk, removeMachine } from "./remove.ts";
import { requireRoom } from "./room.ts";
import { hasQuota } from "./store-mount.ts";
import { agentGroup, listCapsules, machineState, workGroup } from "./state.ts";
import { readStats } from "./stats.ts";
import { TurnPerKey } from "./turns.ts";
import { watchGroup } from "./watch.ts";

/** The driver of capsules on this host by an OCI runtime. `openHost` is called once, at the first use. */
export function createDriver(options: OciOptions, openHost: () => Promise<OciHost>): Driver {
  const turns = new TurnPerKey();
  const watches = new Set<() => void>();
  const launching = new Set<string>();
  const at = async (handle: Handle): Promise<[OciHost, CapsulePaths]> => {
    const host = await openHost();
    return [host, capsulePaths(host.layout, readHandle(handle).capsuleId)];
  };
  return {
    name: DRIVER_NAME,
    capabilities: { pause: true, limitsLive: false, diskQuota: hasQuota(options), oomScope: "process", snapshot: false, hibernate: false },
    probe: () => probeHost(options),
    async launch(spec, signal) {
      const host = await openHost();
      const paths = capsulePaths(host.layout, spec.capsuleId);
      return turns.run(spec.capsuleId, async () => {
        requireRoom(host, launching);
        launching.add(spec.capsuleId);
        try {
          return await launch(host, paths, spec, signal);
        } finally {
          launching.delete(spec.capsuleId);
        }
      });
    },
    async recover(handle) {
      const [host, paths] = await at(handle);
      return machineState(host, paths, readHandle(handle));
    },
    list: async () => listCapsules(await openHost()),
    async pause(handle) {
      const [host, paths] = await at(handle);
      await setFrozen(workGroup(host, paths), true);
    },
    async resume(handle) {
      const [host, paths] = await at(handle);
      await setFrozen(workGroup(host, paths), false);
    },
    async stop(capsuleId) {
      const host = await openHost();
      const paths = capsulePaths(host.layout, capsuleId);
      await turns.run(capsuleId, () => removeMachine(host, paths));
    },
    async destroy(capsuleId) {
      const host = await openHost();
      const paths = capsulePaths(host.layout, capsuleId);
      await turns.run(capsuleId, async () => {
        await removeMachine(host, paths);
        await removeDisk(host, paths);
      });
    },
    async stats(handle) {
      const [host, paths] = await at(handle);
      return readStats(host, paths);
    },
    async openAgent(handle) {
      const [, paths] = await at(handle);
      return openAgentSocket(paths.socket);
    },
    watch(handle, onGone) {
      let stopped = false;
      let stop = (): void => undefined;
      const end = (): void => {
        stopped = true;
        watches.delete(end);
        stop();
      };
      watches.add(end);
      void at(handle).then(([host, paths]) => {
        if (stopped) return;
        stop = watchGroup(agentGroup(host, paths), () => {
          end();
          onGone();
        });
      });
      return end;
    },
    close: async () => {
      for (const end of watches) end();
    },
  };
}
