import * as nodeModule from "node:module";

// What was compiled once is not compiled again for each command line; older runtimes have no such cache.
nodeModule.enableCompileCache?.();
const { runProgram } = await import("./program.ts");
await runProgram(process);
