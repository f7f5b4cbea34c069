import type { networkPolicy } from "@capsuled/contract";
import type { z } from "zod";
import { invalid } from "../../fail.ts";
import type { Driver, Egress } from "../../ports/driver.ts";

export type NetworkInput = z.output<typeof networkPolicy>;

/** The policy of a request: left out, the internet where this host has a network for capsules. Throws `invalid_request` for what it cannot give. */
export function egressFor(deps: { readonly driver: Pick<Driver, "network"> }, input: NetworkInput | undefined): Egress {
  if (deps.driver.network !== null) return input?.egress ?? "allow";
  if (input === undefined || input.egress === "none") return "none";
  throw invalid(
    input === undefined ? "network" : "egress",
    "only none: this host cannot give capsules a network; its log says what it lacks",
  );
}
