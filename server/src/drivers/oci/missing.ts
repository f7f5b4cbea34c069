/** Whether a file operation failed because what it names is not there (any more): ENOENT, or ENODEV of a removed cgroup. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENODEV");
}
