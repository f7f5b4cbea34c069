import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

// Half of a start is the compiling of modules. The cache lies with the installed packages, since code from a directory that others
// may write to would be theirs; where it cannot be written, the start takes longer and nothing else changes.
const installed = import.meta.url.endsWith(".ts") ? "../../node_modules" : "../node_modules";
enableCompileCache(fileURLToPath(new URL(`${installed}/.cache/capsuled`, import.meta.url)));

const { runCommand } = await import("./command-line.ts");
await runCommand(process);
