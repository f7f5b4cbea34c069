import { chmodSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile, describe, nameDeclarations, ROOT } from "./staging.ts";

/** Each `stage…` writes a package's files into a directory and gives that. */
export function stageSdk(directory: string): string {
  compile("sdk/typescript", directory);
  nameDeclarations(directory);
  describe("sdk/typescript", directory, { exports: { ".": { types: "./index.d.ts", default: "./index.js" } }, browser: { ws: false } });
  return directory;
}

/** Read by whatever Node there is, so that one which is too old is told of in words. */
const PACKED_BIN = `#!/usr/bin/env node
if (Number(process.versions.node.split(".")[0]) >= 20) {
  import("../lib/main.js");
} else {
  process.stderr.write("capsuled: this is Node " + process.versions.node + ", and 20 or later is needed\\n");
  process.exitCode = 69;
}
`;

export function stageCli(directory: string): string {
  compile("cli", join(directory, "lib"));
  mkdirSync(join(directory, "bin"));
  writeFileSync(join(directory, "bin/capsuled.js"), PACKED_BIN);
  chmodSync(join(directory, "bin/capsuled.js"), 0o755);
  // It needs no other package, and so the command line none of a registry but what is ours.
  const within = "yaml";
  describe("cli", directory, { bundleDependencies: [within] });
  const filter = (path: string): boolean => !/\.(map|[cm]?ts)$/.test(path);
  cpSync(join(ROOT, "node_modules", within), join(directory, "node_modules", within), { recursive: true, filter });
  return directory;
}

export function stageContract(directory: string): string {
  compile("contract", directory);
  nameDeclarations(directory);
  describe("contract", directory, { exports: { ".": { types: "./index.d.ts", default: "./index.js" } } });
  return directory;
}
