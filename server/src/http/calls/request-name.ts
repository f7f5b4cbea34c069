import { hash } from "node:crypto";
import { IDEMPOTENCY_KEY } from "@capsuled/contract";
import type { Principal } from "../../core/access/principal.ts";
import { invalid } from "../../core/fail.ts";
import { canonicalJson } from "../../core/idempotency/canonical.ts";
import type { RunRequest } from "../../core/run/service.ts";
import type { Exchange } from "../route.ts";

/**
 * What an `Idempotency-Key` makes a call's run findable by: it is the caller's own, by team or address, so that nobody meets
 * another's run by choosing the same. `null` without one.
 */
export function requestName(
  exchange: Exchange,
  caller: Principal | null,
  request: Pick<RunRequest, "args" | "stdin">,
): RunRequest["dedupe"] {
  const key = exchange.header("idempotency-key");
  if (key === undefined) return null;
  if (!IDEMPOTENCY_KEY.test(key)) throw invalid("Idempotency-Key", "must be 1 to 255 printable ASCII characters");
  const owner = caller === null ? `address/${exchange.clientAddress}` : caller.teamId;
  const stdin = request.stdin === null ? null : hash("sha256", request.stdin, "hex");
  return {
    name: `key/${hash("sha256", `${owner}\n${key}`, "hex")}`,
    fingerprint: hash("sha256", canonicalJson({ method: exchange.method, args: request.args, stdin }), "hex"),
  };
}
