import { rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../lib/node/file.ts";

/** The file that says where the server of a data directory listens, for programs of this machine that are to find it. */
export function serverAddressPath(dataDir: string): string {
  return join(dataDir, "server.json");
}

/** Writes it, readable by everyone: an address is no secret. An address that stands for all of this machine's is told as its own. */
export async function writeServerAddress(dataDir: string, url: string): Promise<void> {
  const own = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
  await replaceFile(serverAddressPath(dataDir), `${JSON.stringify({ pid: process.pid, url: own })}\n`, 0o644);
}

/** Takes it back at a server's end. After one that was killed the pid in it says that it does not hold. */
export async function removeServerAddress(dataDir: string): Promise<void> {
  await rm(serverAddressPath(dataDir), { force: true });
}
