import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { differing } from "./by-argument.ts";
import { seccompProfile } from "./profile.ts";
import type { SeccompArg } from "./rule.ts";
import { ERRNO } from "./rule.ts";

const profile = seccompProfile("x64");

/** What the filter answers: 0 for "goes on", else the error number. Throws when two rules of different outcome hold. */
function verdict(name: string, ...args: readonly (number | bigint)[]): number {
  const values = args.map(BigInt);
  const outcomes = profile.syscalls
    .filter((rule) => rule.names.includes(name) && (rule.args ?? []).every((arg) => holds(arg, values[arg.index] ?? 0n)))
    .map((rule) => (rule.action === "SCMP_ACT_ALLOW" ? 0 : (rule.errnoRet ?? -1)));
  assert.ok(new Set(outcomes).size <= 1, `${name}(${args.join(", ")}) has several outcomes: ${outcomes.join(", ")}`);
  return outcomes[0] ?? profile.defaultErrnoRet;
}

function holds(arg: SeccompArg, value: bigint): boolean {
  switch (arg.op) {
    case "SCMP_CMP_EQ":
      return value === BigInt(arg.value);
    case "SCMP_CMP_GT":
      return value > BigInt(arg.value);
    case "SCMP_CMP_MASKED_EQ":
      return (value & BigInt(arg.value)) === BigInt(arg.valueTwo ?? 0);
  }
}

test("every call is on one list only, unless all of its rules look at arguments", () => {
  const seen = new Map<string, { plain: number; byArgument: number }>();
  for (const rule of profile.syscalls) {
    for (const name of rule.names) {
      const counts = seen.get(name) ?? { plain: 0, byArgument: 0 };
      if (rule.args === undefined) counts.plain += 1;
      else counts.byArgument += 1;
      seen.set(name, counts);
    }
  }
  assert.ok(seen.size > 300, `only ${seen.size} calls`);
  for (const [name, { plain, byArgument }] of seen) assert.ok(plain === 0 ? byArgument > 0 : plain === 1 && byArgument === 0, name);
});

test("what ordinary programs need goes on, what reaches the kernel's own state is refused, the unknown does not exist", () => {
  for (const name of ["read", "openat", "mmap", "execve", "clone3", "futex", "ptrace", "prlimit64", "chroot", "accept4"])
    assert.equal(verdict(name), 0, name);
  const refused = [
    "mount",
    "umount2",
    "unshare",
    "setns",
    "pivot_root",
    "keyctl",
    "add_key",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "kexec_load",
    "init_module",
    "swapon",
    "reboot",
  ];
  const more = [
    "open_by_handle_at",
    "name_to_handle_at",
    "io_uring_setup",
    "quotactl",
    "acct",
    "settimeofday",
    "open_tree",
    "move_mount",
    "fsopen",
    "mount_setattr",
    "syslog",
  ];
  for (const name of [...refused, ...more]) assert.equal(verdict(name), ERRNO.EPERM, name);
  assert.equal(verdict("a_call_of_tomorrow"), ERRNO.ENOSYS);
});

test("clone makes threads and processes, and no namespace, alone or with other flags", () => {
  assert.equal(verdict("clone", 0x3d0f00), 0);
  assert.equal(verdict("clone", 17), 0);
  for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
    assert.equal(verdict("clone", flag), ERRNO.EPERM);
    assert.equal(verdict("clone", flag + 0xf00 + 17), ERRNO.EPERM);
  }
});

test("every socket family has one answer, and only four families exist", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (family, protocol) => {
      const expected = [1n, 2n, 10n].includes(family)
        ? 0
        : family === 16n
          ? [0n, 4n].includes(protocol)
            ? 0
            : ERRNO.EPROTONOSUPPORT
          : ERRNO.EAFNOSUPPORT;
      assert.equal(verdict("socket", family, 0, protocol), expected);
    }),
    {
      examples: [...Array(64).keys()].flatMap((family) =>
        [...Array(8).keys()].map((protocol): [bigint, bigint] => [BigInt(family), BigInt(protocol)]),
      ),
    },
  );
});

test("every ioctl goes on but the two that type into a terminal, whatever their high bits are", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (command) =>
      assert.equal(verdict("ioctl", 0, command) === 0, ![0x5412n, 0x541cn].includes(command & 0xffff_ffffn)),
    ),
  );
  for (const command of [0x5412n, 0x541cn])
    for (const high of [0n, 1n << 32n, 1n << 63n]) assert.notEqual(verdict("ioctl", 0, command | high), 0);
  for (const command of [0x5401, 0x5413, 0x541b, 0x541d, 0x5411, 0x5410, 0x5414, 0x541e]) assert.equal(verdict("ioctl", 0, command), 0);
});

test("differing finds exactly the numbers that are neither of two", () => {
  const number = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(number, number, number, (a, b, value) => {
      const fits = (one: number): boolean => differing(a, b).some(([mask, want]) => (BigInt(one) & BigInt(mask)) === BigInt(want));
      assert.deepEqual([fits(a), fits(b), fits(value)], [false, false, value !== a && value !== b]);
    }),
  );
});
