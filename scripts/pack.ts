/**
 * Builds the packages that are published, each as a `.tgz` in a directory: `node scripts/pack.ts DIRECTORY`.
 * Prints their files. In a clone the sources run as they are; what is installed by npm is JavaScript and its types.
 * The package of binaries is the one of this machine's platform.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stageAgent, stageCli, stageContract, stageSdk } from "./pack/packages.ts";
import { stageServer } from "./pack/server.ts";
import { pack } from "./pack/staging.ts";

const [target] = process.argv.slice(2);
if (target === undefined) throw new Error("say where to: node scripts/pack.ts DIRECTORY");
mkdirSync(target, { recursive: true });
const work = mkdtempSync(join(tmpdir(), "capsuled-pack-"));
try {
  const contract = stageContract(join(work, "contract"));
  const staged = [
    stageSdk(join(work, "sdk")),
    stageCli(join(work, "cli")),
    contract,
    stageServer(join(work, "server"), contract),
    stageAgent(join(work, "agent")),
  ];
  for (const directory of staged) console.log(pack(directory, resolve(target)));
} finally {
  rmSync(work, { recursive: true });
}
