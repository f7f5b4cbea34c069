/** The OCI form of a seccomp filter. */
export interface SeccompProfile {
  readonly defaultAction: "SCMP_ACT_ERRNO";
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

/** What happens to the named calls when all of `args` hold. Two rules of one name must not hold at once. */
export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: "SCMP_ACT_ALLOW" | "SCMP_ACT_ERRNO";
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArg[];
}

export interface SeccompArg {
  /** Which argument, from 0. */
  readonly index: number;
  readonly op: "SCMP_CMP_EQ" | "SCMP_CMP_GT" | "SCMP_CMP_MASKED_EQ";
  /** What to compare with; the mask when `op` compares under one. */
  readonly value: number;
  /** With a mask: what the argument under it must be. */
  readonly valueTwo?: number;
}

export const ERRNO = { EPERM: 1, ENOSYS: 38, EPROTONOSUPPORT: 93, EAFNOSUPPORT: 97 } as const;

export function equals(index: number, value: number): SeccompArg {
  return { index, op: "SCMP_CMP_EQ", value };
}

export function above(index: number, value: number): SeccompArg {
  return { index, op: "SCMP_CMP_GT", value };
}

/** The argument, under `mask`, is `value`. */
export function masked(index: number, mask: number, value: number): SeccompArg {
  return { index, op: "SCMP_CMP_MASKED_EQ", value: mask, valueTwo: value };
}

export function allow(name: string, ...args: readonly SeccompArg[]): SeccompRule {
  return { names: [name], action: "SCMP_ACT_ALLOW", args };
}

export function refuse(name: string, errno: number, ...args: readonly SeccompArg[]): SeccompRule {
  return { names: [name], action: "SCMP_ACT_ERRNO", errnoRet: errno, args };
}
