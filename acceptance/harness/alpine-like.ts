import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import type { TarEntry } from "./tar.ts";

/** A busybox that needs no library. */
const BUSYBOX = ["/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static"];

/**
 * What Alpine's images look like, made of this host's busybox: no Alpine. One program under many names, users and groups as there, no
 * bash, no getent, no glibc. What stands in for its package manager writes down what it was asked for, and installs nothing.
 */
export function alpineLike(): readonly TarEntry[] {
  const busybox = BUSYBOX.find((path) => existsSync(path));
  if (busybox === undefined) throw new Error("this host has no busybox");
  const applets = execFileSync(busybox, ["--list-full"], { encoding: "utf8" }).trim().split("\n");
  const links = applets.filter((path) => path !== "bin/busybox").map((path) => ({ name: path, type: "2", link: "/bin/busybox" }));
  return [
    ...["bin", "dev", "etc", "etc/apk", "home", "proc", "root", "sbin", "sys", "usr/bin", "usr/sbin", "var", "run"].map(directory),
    { name: "tmp", type: "5", mode: 0o1777 },
    { name: "var/run", type: "2", link: "../run" },
    { name: "bin/busybox", mode: 0o755, content: readFileSync(busybox) },
    ...links,
    { name: "etc/alpine-release", content: "0.0.0-like\n" },
    { name: "etc/os-release", content: 'NAME="Like Alpine Linux"\nID=alpine\nVERSION_ID=0.0.0\n' },
    {
      name: "etc/passwd",
      content:
        "root:x:0:0:root:/root:/bin/ash\nnobody:x:65534:65534:nobody:/:/sbin/nologin\nguest:x:405:100:guest:/dev/null:/sbin/nologin\n",
    },
    { name: "etc/group", content: "root:x:0:root\nusers:x:100:\nnobody:x:65534:\n" },
    { name: "etc/shadow", content: "root:*::0:::::\nnobody:!::0:::::\n", mode: 0o640 },
    { name: "sbin/apk", mode: 0o755, content: STAND_IN },
  ];
}

const directory = (name: string): TarEntry => ({ name, type: "5" });

const STAND_IN = `#!/bin/sh
echo "stand-in for apk: $*"
printf '%s\\n' "$@" >> /var/asked-of-apk
case " $* " in *" absent-package "*) echo "ERROR: unable to select packages: absent-package (no such package)" >&2; exit 1;; esac
`;
