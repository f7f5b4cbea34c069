/**
 * Builds the packages that are published, each as a `.tgz` in a directory: `node scripts/pack.ts DIRECTORY [NAME…]`,
 * with names only those. Prints their files. In a clone the sources run as they are; what is installed by npm is JavaScript and its types.
 * The package of binaries is the one of this machine's platform.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { arch, platform, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { agentPackage, stageAgent, stageCli, stageContract, stageSdk } from "./pack/packages.ts";
import { stageServer } from "./pack/server.ts";
import { pack } from "./pack/staging.ts";

const [target, ...names] = process.argv.slice(2);
if (target === undefined) throw new Error("say where to: node scripts/pack.ts DIRECTORY [NAME…]");
mkdirSync(target, { recursive: true });
const work = mkdtempSync(join(tmpdir(), "capsuled-pack-"));
const contract = join(work, "contract");
const STAGES: Readonly<Record<string, () => string>> = {
  capsuled: () => stageSdk(join(work, "sdk")),
  "@capsuled/cli": () => stageCli(join(work, "cli")),
  "@capsuled/contract": () => (existsSync(contract) ? contract : stageContract(contract)),
  "@capsuled/server": () => stageServer(join(work, "server"), existsSync(contract) ? contract : stageContract(contract)),
  [agentPackage(platform(), arch())]: () => stageAgent(join(work, "agent")),
};
try {
  for (const name of names.length === 0 ? Object.keys(STAGES) : names) {
    const stage = STAGES[name];
    if (stage === undefined) throw new Error(`there is no package ${name}: ${Object.keys(STAGES).join(", ")}`);
    console.log(pack(stage(), resolve(target)));
  }
} finally {
  rmSync(work, { recursive: true });
}
