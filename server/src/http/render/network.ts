import { LIMITS } from "@capsuled/contract";
import type { networkAnswer, networkReport } from "@capsuled/contract";
import type { z } from "zod";
import type { NetworkReport } from "../../core/capsule/network/read.ts";
import type { Egress } from "../../core/ports/driver.ts";
import { timestamp } from "./time.ts";

/** A policy with each entry in its long form. */
export function renderPolicy(egress: Egress): z.output<typeof networkAnswer> {
  if (egress === "none" || egress === "allow") return { egress };
  return { egress: { allow: egress.allow.map(({ to, ports }) => ({ to, ports: [...ports] })) } };
}

export function renderNetwork({ egress, facts }: NetworkReport, withDecisions: boolean): z.output<typeof networkReport> {
  const count = { allowed: 0, refused: 0 };
  const log = (facts?.decisions ?? [])
    .filter(({ decision }) => (count[decision] += 1) <= LIMITS.networkLogMax)
    .map(({ lastAt, ...decision }) => ({ ...decision, last_at: timestamp(lastAt) }));
  return {
    ...renderPolicy(egress),
    address: facts?.address ?? null,
    allowed: facts?.allowed ?? null,
    refused: facts?.refused ?? null,
    log: withDecisions ? log : null,
  };
}
