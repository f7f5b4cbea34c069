/** One line of `/proc/self/mountinfo`. */
export interface MountEntry {
  /** What part of the file system is mounted: `/`, or a directory of it. */
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
  /** Options of the file system, e.g. the controllers of a cgroup hierarchy. */
  readonly superOptions: readonly string[];
}

/** Reads mountinfo's text; lines that are cut short are left out. */
export function parseMountinfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split("\n")) {
    const [before, after] = line.split(" - ", 2);
    const own = before?.split(" ");
    const [type, source, superOptions] = after?.split(" ") ?? [];
    const [root, mountPoint] = [own?.[3], own?.[4]];
    if (root === undefined || mountPoint === undefined || type === undefined || source === undefined) continue;
    entries.push({
      root: unescape(root),
      mountPoint: unescape(mountPoint),
      type,
      source: unescape(source),
      superOptions: superOptions?.split(",") ?? [],
    });
  }
  return entries;
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
