import { createHash, randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Copies the agent into `binDir` under its hash and gives the copy's path. A copy is never overwritten: running capsules go
 * on executing it. Mode 0111: the kernel keeps the memory and descriptors of a process whose program nobody inside may read
 * out of reach for everyone inside.
 */
export function installAgent(source: string, binDir: string): string {
  const content = readFileSync(source);
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 16);
  const path = join(binDir, `agent-${hash}`);
  if (existsSync(path)) return path;
  mkdirSync(binDir, { recursive: true, mode: 0o711 });
  const unfinished = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(unfinished, content, { mode: 0o700 });
  chmodSync(unfinished, 0o111);
  renameSync(unfinished, path);
  return path;
}
