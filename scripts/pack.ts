/**
 * Builds the packages that are published, each as a `.tgz` in a directory: `node scripts/pack.ts DIRECTORY [NAME…]`,
 * with names only those. Prints their files. In a clone the sources run as they are; what is installed by npm is JavaScript and its types.
 * Of the packages of binaries it builds this machine's, and by its name the other one, if what scripts/cross-build needs is there;
 * `--all-platforms` stands for all names.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { agentPackage, builtFor, CPUS, ownCpu, stageAgent } from "./pack/agent.ts";
import { stageCli, stageContract, stageSdk } from "./pack/packages.ts";
import { stageServer } from "./pack/server.ts";
import { pack } from "./pack/staging.ts";

const isForAll = process.argv.includes("--all-platforms");
const [target, ...names] = process.argv.slice(2).filter((argument) => argument !== "--all-platforms");
if (target === undefined) throw new Error("say where to: node scripts/pack.ts DIRECTORY [--all-platforms | NAME…]");
mkdirSync(target, { recursive: true });
const work = mkdtempSync(join(tmpdir(), "capsuled-pack-"));
const contract = join(work, "contract");
const STAGES: Readonly<Record<string, () => string>> = {
  capsuled: () => stageSdk(join(work, "sdk")),
  "@capsuled/cli": () => stageCli(join(work, "cli")),
  "@capsuled/contract": () => (existsSync(contract) ? contract : stageContract(contract)),
  "@capsuled/server": () => stageServer(join(work, "server"), existsSync(contract) ? contract : stageContract(contract)),
  ...Object.fromEntries(CPUS.map((cpu) => [agentPackage(cpu), () => stageAgent(join(work, cpu), cpu, builtFor(cpu))])),
};
const foreign = CPUS.filter((cpu) => cpu !== ownCpu()).map(agentPackage);
const chosen = names.length > 0 ? names : Object.keys(STAGES).filter((name) => isForAll || !foreign.includes(name));
try {
  for (const name of chosen) {
    const stage = STAGES[name];
    if (stage === undefined) throw new Error(`there is no package ${name}: ${Object.keys(STAGES).join(", ")}`);
    console.log(pack(stage(), resolve(target)));
  }
} catch (error) {
  console.error(`pack: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true });
}
