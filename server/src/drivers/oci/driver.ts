import type { Driver, Handle } from "../../core/ports/driver.ts";
import type { KeyedLock } from "../../lib/keyed-lock.ts";
import { createKeyedLock } from "../../lib/keyed-lock.ts";
import { DiskUse } from "./disk-use.ts";
import { setFrozen } from "./freezer.ts";
import { DRIVER_NAME, readHandle } from "./handle.ts";
import type { OciHost } from "./host.ts";
import { launch } from "./launch.ts";
import type { CapsulePaths } from "./layout.ts";
import { capsulePaths } from "./layout.ts";
import { readLeftLog } from "./left-log.ts";
import { networkPower } from "./network-power.ts";
import { openAgentSocket } from "./open-agent.ts";
import type { OciOptions } from "./options.ts";
import { OCI_LIMITS } from "./options.ts";
import { probeHost } from "./probe.ts";
import { removeDisk, removeMachine } from "./remove.ts";
import { requireRoom } from "./room.ts";
import { snapshotPower } from "./snapshots/power.ts";
import { agentGroup, listCapsules, machineState, workGroup } from "./state.ts";
import { readStats } from "./stats.ts";
import { hasQuota } from "./store-mount.ts";
import { watchGroup } from "./watch.ts";

/** The driver of capsules on this host by an OCI runtime. `openHost` is called at every use and opens the host once; `openedHost` gives it if it is open. */
export function createDriver(
  options: OciOptions,
  openHost: () => Promise<OciHost>,
  openedHost: () => Promise<OciHost | null> = openHost,
): Driver {
  const turns = createKeyedLock({ waitersMax: OCI_LIMITS.turnWaiters });
  const diskUse = new DiskUse();
  const launcher = createLaunches(openHost, turns);
  const watches = createWatches(options, openHost);
  const at = async (handle: Handle): Promise<[OciHost, CapsulePaths]> => {
    const host = await openHost();
    return [host, capsulePaths(host.layout, readHandle(handle).capsuleId)];
  };
  const freeze = async (handle: Handle, frozen: boolean): Promise<void> => {
    const [host, paths] = await at(handle);
    await setFrozen(workGroup(host, paths), frozen);
  };
  return {
    name: DRIVER_NAME,
    capabilities: { pause: true, limitsLive: false, diskQuota: hasQuota(options), oomScope: "process", snapshot: true, hibernate: false },
    network: networkPower(options, openHost),
    snapshots: snapshotPower(openHost, turns),
    probe: () => probeHost(options),
    ...launcher,
    async destroy(capsuleId) {
      await launcher.destroy(capsuleId);
      diskUse.forget(capsuleId);
    },
    async recover(handle) {
      const [host, paths] = await at(handle);
      return machineState(host, paths, readHandle(handle));
    },
    list: async () => listCapsules(await openHost()),
    pause: (handle) => freeze(handle, true),
    resume: (handle) => freeze(handle, false),
    async stats(handle) {
      const [host, paths] = await at(handle);
      return { ...readStats(host, paths), diskBytes: await diskUse.of(host, paths) };
    },
    async openAgent(handle) {
      const [, paths] = await at(handle);
      return openAgentSocket(paths.socket);
    },
    async leftLog(handle, from) {
      const [, paths] = await at(handle);
      return readLeftLog(paths.control, from);
    },
    watch: watches.watch,
    async close() {
      watches.close();
      const host = await openedHost();
      await host?.network?.close();
      await host?.launcher.close();
    },
  };
}

/** Launch, stop and destroy: of one capsule one after the other, of different ones side by side. */
function createLaunches(openHost: () => Promise<OciHost>, turns: KeyedLock): Pick<Driver, "launch" | "stop" | "destroy"> {
  const launching = new Set<string>();
  return {
    async launch(spec, signal) {
      const host = await openHost();
      const paths = capsulePaths(host.layout, spec.capsuleId);
      const own = (): Promise<Handle> =>
        turns.run(spec.capsuleId, async () => {
          requireRoom(host, paths.id, launching);
          launching.add(paths.id);
          try {
            return await launch(host, paths, spec, signal);
          } finally {
            launching.delete(paths.id);
          }
        });
      // Whose disk is copied keeps its machine and its disk until then.
      return spec.sourceId === null ? own() : turns.run(spec.sourceId, own);
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
  };
}

/** The watches that are open, so that closing the driver ends them. */
function createWatches(options: OciOptions, openHost: () => Promise<OciHost>): { watch: Driver["watch"]; close: () => void } {
  const open = new Set<() => void>();
  return {
    watch(handle, onGone) {
      let stop = (): void => undefined;
      const end = (): void => {
        open.delete(end);
        stop();
      };
      open.add(end);
      const begin = async (): Promise<void> => {
        const host = await openHost();
        if (!open.has(end)) return;
        const paths = capsulePaths(host.layout, readHandle(handle).capsuleId);
        stop = watchGroup(agentGroup(host, paths), () => {
          end();
          onGone();
        });
      };
      begin().catch((error: unknown) => options.log.error({ error: String(error), handle: handle.data }, "a capsule cannot be watched"));
      return end;
    },
    close() {
      for (const end of open) end();
    },
  };
}
