import { accessSync, constants, readFileSync, statfsSync } from "node:fs";
import { release } from "node:os";
import { delimiter, join } from "node:path";
import { CapsuledError } from "capsuled";
import type { Command } from "../command.ts";
import type { Context } from "../context.ts";
import { EXIT, sayingOf } from "../exit.ts";
import { coloured } from "../table.ts";

/** One thing that was looked at. `warn`: it works without. */
interface Finding {
  readonly what: string;
  readonly state: "ok" | "warn" | "bad";
  readonly found: string;
  /** What to do about it. */
  readonly mend?: string;
}

const KERNEL_MIN = [5, 12] as const;
const FREE_MIB_MIN = 4096;

export const doctor: Command = {
  name: "doctor",
  summary: "Say what this host and its server can and cannot, and how to mend it",
  usage: "",
  arguments: [0, 0],
  examples: ["capsuled doctor", "capsuled doctor --json"],
  async run(context) {
    const findings = [...(await serverFindings(context)), ...hostFindings(context.process)];
    context.show(findings, () => findings.map((finding) => lineOf(context, finding)).join("\n"));
    if (findings.some(({ state }) => state === "bad")) context.process.exitCode = EXIT.failure;
  },
};

function lineOf(context: Context, { what, state, found, mend }: Finding): string {
  const mark =
    state === "ok"
      ? coloured(context, "green", "ok  ")
      : state === "warn"
        ? coloured(context, "yellow", "warn")
        : coloured(context, "red", "bad ");
  return `${mark}  ${what.padEnd(22)} ${found}${mend === undefined ? "" : `\n${" ".repeat(29)}→ ${mend}`}`;
}

async function serverFindings(context: Context): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  try {
    const { url, system, keys } = context.client;
    const health = await system.health();
    const bad = Object.entries(health.checks).filter(([, state]) => state !== "ok");
    found.push({ what: "server", state: "ok", found: `${url}, version ${health.version}` });
    if (bad.length > 0) {
      found.push({
        what: "server's health",
        state: "warn",
        found: bad.map(([name]) => `${name} fails`).join(", "),
        mend: "its log says why",
      });
    }
    await keys.list();
    found.push({ what: "key", state: "ok", found: "is valid" });
  } catch (error) {
    if (!(error instanceof CapsuledError)) throw error;
    found.push({ what: found.length === 0 ? "server" : "key", state: "bad", found: sayingOf(error) });
  }
  return found;
}

/** What a server on this host needs. */
function hostFindings(process: NodeJS.Process): readonly Finding[] {
  if (process.platform !== "linux") {
    return [
      {
        what: "host",
        state: "warn",
        found: `${process.platform} runs no capsules`,
        mend: "run the server on Linux; this program works from here",
      },
    ];
  }
  const isRoot = process.getuid?.() === 0;
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const isNew = major > KERNEL_MIN[0] || (major === KERNEL_MIN[0] && minor >= KERNEL_MIN[1]);
  return [
    { what: "kernel", state: isNew ? "ok" : "bad", found: release(), ...(isNew ? {} : { mend: `${KERNEL_MIN.join(".")} or newer` }) },
    {
      what: "root",
      state: isRoot ? "ok" : "warn",
      found: isRoot ? "yes" : "no",
      ...(isRoot ? {} : { mend: "the server makes capsules as root: start it with sudo" }),
    },
    program(process, "runc", "bad", "apt-get install runc"),
    program(process, "mmdebstrap", "bad", "apt-get install mmdebstrap: it builds templates"),
    program(process, "mkfs.btrfs", "warn", "apt-get install btrfs-progs: it bounds capsules' disks"),
    program(process, "nft", "warn", "apt-get install nftables: without it capsules have no network"),
    fileSystem("cgroup2", "a hybrid or unified cgroup mount is needed to end whole trees of processes"),
    fileSystem("overlay", "modprobe overlay"),
    freeSpace(),
  ];
}

function program(process: NodeJS.Process, name: string, without: "warn" | "bad", mend: string): Finding {
  const places = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  const place = places.find((dir) => {
    try {
      accessSync(join(dir, name), constants.X_OK);
      return dir !== "";
    } catch {
      return false;
    }
  });
  return place === undefined
    ? { what: name, state: without, found: "not found", mend }
    : { what: name, state: "ok", found: join(place, name) };
}

function fileSystem(name: string, mend: string): Finding {
  const isKnown = readFileSync("/proc/filesystems", "utf8").split(/\s+/).includes(name);
  return isKnown
    ? { what: name, state: "ok", found: "the kernel has it" }
    : { what: name, state: "bad", found: "the kernel does not have it", mend };
}

function freeSpace(): Finding {
  const { bavail, bsize } = statfsSync("/var/lib");
  const mib = Math.floor((bavail * bsize) / 1024 / 1024);
  const isEnough = mib >= FREE_MIB_MIN;
  return {
    what: "free disk",
    state: isEnough ? "ok" : "warn",
    found: `${mib} MiB in /var/lib`,
    ...(isEnough ? {} : { mend: `templates and capsules want ${FREE_MIB_MIN} MiB` }),
  };
}
