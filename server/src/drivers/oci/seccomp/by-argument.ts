import type { SeccompRule } from "./rule.ts";
import { ERRNO, allow, equals, masked, refuse } from "./rule.ts";

/** `clone` flags that make a namespace: mount, cgroup, uts, ipc, user, pid, network. */
const NAMESPACE_FLAGS = [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] as const;

/** Threads and processes yes, namespaces no. */
export function cloneRules(): SeccompRule[] {
  const all = NAMESPACE_FLAGS.reduce((mask, flag) => mask + flag, 0);
  return [allow("clone", masked(0, all, 0)), ...NAMESPACE_FLAGS.map((flag) => refuse("clone", ERRNO.EPERM, masked(0, flag, flag)))];
}

/** Plain Linux, the same with addresses that are not randomised (debuggers), 32-bit names in uname, and the question itself. */
const PERSONALITIES = [0x0, 0x0004_0000, 0x0008, 0xffff_ffff] as const;

export function personalityRules(): SeccompRule[] {
  return PERSONALITIES.map((persona) => allow("personality", equals(0, persona)));
}

/** Put input into a terminal as if it had been typed: TIOCSTI, TIOCLINUX. */
const TERMINAL_INJECTION = [0x5412, 0x541c] as const;

/**
 * Every ioctl but those two. A filter has no "unequal under a mask", and a comparison of the whole argument is no use: the
 * kernel looks at its low 32 bits only, so a set high bit would slip by. So: a number is neither of the two when it differs
 * from both in one bit, or from one in one bit and from the other in another.
 */
export function ioctlRules(): SeccompRule[] {
  return differing(TERMINAL_INJECTION[0], TERMINAL_INJECTION[1]).map(([mask, value]) => allow("ioctl", masked(1, mask, value)));
}

/** Pairs (mask, value) such that a 32-bit number fits one of them exactly when it is neither `a` nor `b`. */
export function differing(a: number, b: number): [mask: number, value: number][] {
  const bits = Array.from({ length: 32 }, (_, bit) => 2 ** bit);
  const has = (number: number, bit: number): boolean => Math.floor(number / bit) % 2 === 1;
  const other = (number: number, bit: number): number => (has(number, bit) ? 0 : bit);
  const apart = bits.filter((bit) => has(a, bit) !== has(b, bit));
  const common = bits.filter((bit) => !apart.includes(bit));
  return [
    ...common.map((bit): [number, number] => [bit, other(a, bit)]),
    ...apart.flatMap((first) =>
      apart.filter((second) => second !== first).map((second): [number, number] => [first + second, other(a, first) + other(b, second)]),
    ),
  ];
}
