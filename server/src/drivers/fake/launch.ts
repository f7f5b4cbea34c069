import { randomBytes } from "node:crypto";
import type { LaunchSpec } from "../../core/ports/driver.ts";
import { CopyFailedError, HandleGoneError, TemplateMissingError } from "../../core/ports/driver.ts";
import { FakeAgent } from "./agent.ts";
import { FakeDisk } from "./disk.ts";
import type { FakeHost, Installation, Machine } from "./host.ts";
import { JOURNAL_BYTES } from "./journal.ts";
import type { Programs } from "./programs.ts";
import type { FaultPlan } from "./script.ts";

/** Brings up a machine with its agent; the disk is a new one, or what an earlier life left. */
export function launchMachine(
  spec: LaunchSpec,
  installation: Installation,
  host: FakeHost,
  plan: FaultPlan,
  programs: Programs,
  journalBytes = JOURNAL_BYTES,
): Machine {
  const { capsuleId } = spec;
  const kept = spec.disk === "keep" ? installation.disks.get(capsuleId) : undefined;
  const disk = kept ?? newDisk(spec, installation);
  const agent = new FakeAgent({
    capsuleId,
    secret: spec.agentSecret,
    disk,
    programs,
    journalBytes,
    diesAt: (moment) => plan.strike(`agent_${moment}`)?.kind === "dies",
    onDeath: () => host.crash(capsuleId),
    onOomKill: () => {
      machine.oomKills += 1;
    },
  });
  const machine: Machine = {
    capsuleId,
    launchId: randomBytes(8).toString("hex"),
    agent,
    memoryMb: spec.memoryMb,
    watchers: new Set(),
    oomKills: 0,
    egress: spec.egress,
  };
  installation.debris.delete(capsuleId);
  installation.disks.set(capsuleId, disk);
  installation.machines.set(capsuleId, machine);
  return machine;
}

function newDisk({ diskMb, snapshotId, sourceId }: LaunchSpec, { snapshots, disks }: Installation): FakeDisk {
  const bytesMax = diskMb * 1024 * 1024;
  if (sourceId !== null) {
    const source = disks.get(sourceId);
    if (source === undefined) throw new CopyFailedError("no disk", { cause: new HandleGoneError(`no disk of ${sourceId}`) });
    return source.copy(bytesMax);
  }
  if (snapshotId === null) return new FakeDisk(bytesMax);
  const snapshot = snapshots.get(snapshotId);
  if (snapshot === undefined) throw new TemplateMissingError(`no snapshot ${snapshotId}`);
  return snapshot.copy(bytesMax);
}
