import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { manifestOf, ROOT, writeManifest } from "./staging.ts";

/** What the server runs on, as Node names it. */
export const CPUS = ["x64", "arm64"] as const;
export type Cpu = (typeof CPUS)[number];

/** The package of binaries for one platform. */
export const agentPackage = (cpu: Cpu): string => `@capsuled/agent-linux-${cpu}`;

/** This machine's architecture. Throws where no server runs. */
export function ownCpu(): Cpu {
  const own = CPUS.find((cpu) => cpu === arch());
  if (own === undefined) throw new Error(`There are packages for ${CPUS.join(" and ")}, and this machine is ${arch()}.`);
  return own;
}

/**
 * Where the binaries of an architecture are: as scripts/setup builds them for this machine, or as scripts/cross-build does for another.
 * Throws with what is missing.
 */
export function builtFor(cpu: Cpu): string {
  if (cpu === ownCpu()) return join(ROOT, "target/release");
  const { status, stdout, stderr } = spawnSync(join(ROOT, "scripts/cross-build"), [cpu], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${agentPackage(cpu)} cannot be built here:\n${stderr.trim()}`);
  return stdout.trim();
}

/** Agent and launcher of one architecture: static, so that any Linux of that architecture runs them. */
export function stageAgent(directory: string, cpu: Cpu, built: string): string {
  mkdirSync(join(directory, "bin"), { recursive: true });
  for (const name of ["capsuled-agent", "capsuled-launcher"]) {
    const binary = join(built, name);
    if (!existsSync(binary)) throw new Error(`${binary} is not built: scripts/setup builds it`);
    copyFileSync(binary, join(directory, "bin", name));
    chmodSync(join(directory, "bin", name), 0o755);
  }
  copyFileSync(join(ROOT, "LICENSE"), join(directory, "LICENSE"));
  const { name, ...manifest } = agentManifest(cpu);
  writeFileSync(
    join(directory, "README.md"),
    `# ${name}\n\nThe agent and the launcher of the capsuled server, built for this platform. The server's package brings it along.\n`,
  );
  writeManifest(directory, { name, ...manifest });
  return directory;
}

/** npm installs it where `os` and `cpu` are those of the machine, and leaves it out elsewhere. */
export function agentManifest(cpu: Cpu): { readonly name: string } & Readonly<Record<string, unknown>> {
  const { version, license } = manifestOf(join(ROOT, "server"));
  const description = `The agent and the launcher of capsuled for Linux on ${cpu}`;
  return { name: agentPackage(cpu), version, description, license, os: ["linux"], cpu: [cpu] };
}
