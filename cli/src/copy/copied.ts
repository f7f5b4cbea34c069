/** What has been copied so far. */
export interface Copied {
  files: number;
  /** Symbolic links, as they are. */
  links: number;
  /** Of those, what lead out of the directory that was copied. */
  outward: number;
  /** What is no file with bytes, and left out. */
  special: number;
  /** Of the files. */
  bytes: number;
}

export const nothingCopied = (): Copied => ({ files: 0, links: 0, outward: 0, special: 0, bytes: 0 });

/** Whether a link in a directory leads out of it. `path`: the link's own, relative to the directory. */
export function leadsOut(path: string, link: string): boolean {
  if (link.startsWith("/")) return true;
  let depth = path.split("/").length - 1;
  for (const word of link.split("/")) {
    if (word === "..") depth -= 1;
    else if (word !== "" && word !== ".") depth += 1;
    if (depth < 0) return true;
  }
  return false;
}
