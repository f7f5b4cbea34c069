import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { Config } from "./config/schema.ts";
import type { Log } from "./core/ports/log.ts";
import type { Probe, ProbeCheck } from "./core/ports/driver.ts";
import { createDriver } from "./driver.ts";

/** MiB that the first template and a few capsules take. */
const FREE_MIB_MIN = 4096;

/** What this host has of what a server with these settings needs. Changes nothing. */
export async function checkHost(config: Config, log: Log): Promise<Probe> {
  const { driver } = createDriver(config, "check", {}, log);
  const probe = await driver.probe();
  await driver.close();
  const checks = [node(), ...probe.checks, ...dataDir(config.dataDir)];
  return { ok: checks.every((check) => check.ok || !check.isRequired), checks };
}

/** The server runs, so this one is new enough. */
function node(): ProbeCheck {
  return { name: "Node", ok: true, isRequired: true, found: `${process.version}, ${process.execPath}`, mend: "" };
}

function dataDir(path: string): readonly ProbeCheck[] {
  const there = nearestThere(path);
  const isWritable = canWrite(there);
  const { bavail, bsize } = statfsSync(there);
  const mib = Math.floor((bavail * bsize) / 1024 / 1024);
  const isEnough = mib >= FREE_MIB_MIN;
  return [
    {
      name: "data directory",
      ok: isWritable,
      isRequired: true,
      found: isWritable ? path : `${there} takes no files of this user`,
      mend: isWritable ? "" : "Start the server as root (with sudo), or set CAPSULED_DATA_DIR to a directory that it may write to.",
    },
    {
      name: "free disk",
      ok: isEnough,
      isRequired: false,
      found: `${mib} MiB at ${there}`,
      mend: isEnough ? "" : `Make room: templates and capsules want ${FREE_MIB_MIN} MiB.`,
    },
  ];
}

/** The directory itself, or the nearest above it that is there. */
function nearestThere(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestThere(dirname(path));
}

function canWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
