import { ALLOWED } from "./allowed.ts";
import { cloneRules, personalityRules, ioctlRules } from "./by-argument.ts";
import { REFUSED } from "./refused.ts";
import type { SeccompProfile, SeccompRule } from "./rule.ts";
import { ERRNO } from "./rule.ts";
import { socketRules } from "./socket-rules.ts";

/**
 * The filter of every process in a capsule, the agent included. The agent puts a second one on each process that it starts,
 * which also refuses clone3 (its flags cannot be filtered) and prlimit64 on others.
 *
 * Only the machine's own 64-bit calls: the 32-bit ones pass several calls through one number, so that filters by argument
 * do not hold there, and hardly anything needs them. A program that uses them is ended by SIGSYS.
 */
export function seccompProfile(arch: "x64" | "arm64"): SeccompProfile {
  const allowed: SeccompRule = { names: Object.values(ALLOWED).flat(), action: "SCMP_ACT_ALLOW" };
  const refused: SeccompRule = { names: Object.values(REFUSED).flat(), action: "SCMP_ACT_ERRNO", errnoRet: ERRNO.EPERM };
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: ERRNO.ENOSYS,
    architectures: [arch === "x64" ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64"],
    syscalls: [allowed, refused, ...cloneRules(), ...personalityRules(), ...ioctlRules(), ...socketRules()],
  };
}
