import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Takes the test data directory's store off the mount table once its server has ended; its loop device goes with it. */
export function unmountStore(dataDir: string): void {
  const below = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${dataDir}/`));
  for (const path of below.reverse()) execFileSync("umount", [path]);
}
