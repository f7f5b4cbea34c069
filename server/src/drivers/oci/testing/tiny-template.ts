import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Programs of the host that the tests run inside. */
const PROGRAMS = [
  "sh",
  "cat",
  "dd",
  "ls",
  "sleep",
  "stat",
  "mkdir",
  "rm",
  "touch",
  "sync",
  "head",
  "mkfifo",
  "id",
  "uname",
  "ln",
  "chmod",
  "df",
  "find",
  "unshare",
];
const BUILD = "00000000000000aa";

/** Puts a template `tiny` into a store: a few programs of this host with their libraries. Takes no network and no time. */
export function makeTinyTemplate(templatesDir: string): void {
  const root = join(templatesDir, "tiny", BUILD);
  for (const dir of ["bin", "dev", "proc", "sys", "root", "tmp", "etc", "run", "workspace"])
    mkdirSync(join(root, dir), { recursive: true, mode: 0o755 });
  symlinkSync("bin", join(root, "sbin"));
  for (const name of PROGRAMS) {
    const found = ["/bin", "/usr/bin", "/sbin", "/usr/sbin"].map((dir) => join(dir, name)).find((path) => existsSync(path));
    if (found === undefined) throw new Error(`This host has no ${name}.`);
    copyFileSync(found, join(root, "bin", name));
    for (const library of librariesOf(found)) copyInto(root, library);
  }
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(root, "..", "current"), BUILD);
}

/** Libraries, the loader included, where the program looks for them. */
function librariesOf(program: string): string[] {
  if (!readFileSync(program).subarray(0, 4).equals(Buffer.from("\x7fELF", "latin1"))) return [];
  const out = execFileSync("ldd", [program], { encoding: "utf8" });
  return [...out.matchAll(/(\/\S+) \(0x/g)].flatMap((match) => match[1] ?? []);
}

function copyInto(root: string, path: string): void {
  const target = join(root, path);
  if (existsSync(target)) return;
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(realpathSync(path), join(dirname(target), basename(path)));
}
