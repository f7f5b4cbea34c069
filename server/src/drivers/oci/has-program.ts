import { existsSync } from "node:fs";
import { join } from "node:path";

/** Where the server looks for programs of the host, whatever its own PATH. */
export const PROGRAM_DIRECTORIES = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] as const;

export function hasProgram(name: string): boolean {
  return PROGRAM_DIRECTORIES.some((directory) => existsSync(join(directory, name)));
}
