import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch } from "node:os";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { seccompProfile } from "./profile.ts";

type Cpu = "x64" | "arm64";

/** The kernel's own headers: the general one is that of 64-bit Arm, with what that switches on in it. */
const HEADERS: Readonly<Record<Cpu, { readonly file: string; readonly wants: readonly string[] }>> = {
  x64: { file: "asm/unistd_64.h", wants: [] },
  arm64: {
    file: "asm-generic/unistd.h",
    wants: ["RENAMEAT", "SET_GET_RLIMIT", "NEW_STAT", "TIME32_SYSCALLS", "SYS_CLONE3", "MEMFD_SECRET"],
  },
};
/** Marks of the numbers' range, and a call of which the rest is on no list: it answers ENOSYS. */
const UNLISTED = new Set(["syscalls", "arch_specific_syscall", "epoll_ctl_old", "epoll_wait_old", "set_thread_area", "get_thread_area"]);
/** Younger than this and on no list: as on a kernel that does not have it. */
const DECIDED_UP_TO = 449;

/** Call numbers by name, or why they cannot be read on this host. */
function numbersOf(cpu: Cpu): ReadonlyMap<string, number> | string {
  // A machine has the general header and that of its own architecture.
  if (cpu === "x64" && arch() !== "x64") return "only x86-64 has these ways in to look up";
  const { file, wants } = HEADERS[cpu];
  const options = ["-dM", "-E", "-x", "c", ...wants.map((name) => `-D__ARCH_WANT_${name}`), "-"];
  const { status, stdout, stderr } = spawnSync("cc", options, { input: `#include <${file}>\n`, encoding: "utf8" });
  if (status !== 0) return `no kernel headers: ${stderr}`;
  const defined = new Map([...stdout.matchAll(/^#define (__NR\w*) (\w+)$/gm)].map(([, name = "", value = ""]) => [name, value]));
  const resolve = (value: string): string => {
    const next = defined.get(value);
    return next === undefined ? value : resolve(next);
  };
  const numbers = [...defined].flatMap(([name, value]): [string, number][] => {
    const number = resolve(value);
    return name.startsWith("__NR_") && /^\d+$/.test(number) ? [[name.slice("__NR_".length), Number(number)]] : [];
  });
  assert.ok(numbers.length > 300, `${numbers.length} calls in ${file}`);
  return new Map(numbers);
}

const source = (path: string): string => readFileSync(fileURLToPath(new URL(`../../../../../${path}`, import.meta.url)), "utf8");

for (const cpu of ["x64", "arm64"] as const) {
  const numbers = numbersOf(cpu);
  const skip = typeof numbers === "string" && numbers;
  const table = typeof numbers === "string" ? new Map<string, number>() : numbers;

  test(`${cpu}: the profile has a decision for every call of that architecture`, { skip }, () => {
    const listed = new Set(seccompProfile(cpu).syscalls.flatMap(({ names }) => names));
    const forgotten = [...table].filter(([name, number]) => number <= DECIDED_UP_TO && !listed.has(name) && !UNLISTED.has(name));
    assert.deepEqual(forgotten, []);
  });

  test(`${cpu}: the agent's filter names calls by the numbers that the kernel has for them`, { skip }, () => {
    const audit = { x64: "0xc000_003e", arm64: "0xc000_00b7" }[cpu];
    const row = new RegExp(`Numbers \\{ arch: ${audit}, (.*) \\}`).exec(source("agent/src/seccomp.rs"))?.[1] ?? "";
    const named = row.split(", ").map((pair) => pair.split(": "));
    assert.equal(named.length, 9, row);
    for (const [name = "", number] of named) assert.equal(Number(number), table.get(name), name);
  });

  test(`${cpu}: the attacks of the isolation suite call what their names say`, { skip }, () => {
    const rows = [...source("acceptance/probes/syscalls.py").matchAll(/^ {4}"(\w+)": \((\d+), (\d+), /gm)];
    assert.ok(rows.length > 40, `${rows.length} calls`);
    for (const [, name = "", x64, arm64] of rows) {
      // A call that is made in several ways has what differs behind its name.
      const call = [...table.keys()]
        .filter((known) => name === known || name.startsWith(`${known}_`))
        .toSorted((a, b) => b.length - a.length)[0];
      if (call !== undefined) assert.equal(Number(cpu === "x64" ? x64 : arm64), table.get(call), name);
    }
  });
}
