import { LIMITS } from "@capsuled/contract";
import type { Published } from "../../core/endpoint/service.ts";
import { fail } from "../../core/fail.ts";
import type { Delivery } from "../../core/webhook/delivery.ts";
import { DELIVERY_ID_CHARS_MAX, deliveryIdOf, eventNamesOf } from "../../core/webhook/event.ts";
import { verifyDelivery } from "../../core/webhook/verify.ts";
import { nodeHash } from "../../lib/node/hash.ts";
import type { RouteDeps } from "../deps.ts";
import type { Exchange } from "../route.ts";

/** A webhook's delivery that may run. */
export interface Accepted {
  readonly body: Uint8Array;
  /** The same for every attempt at it; `null` where the sender names none. */
  readonly deliveryId: string | null;
}

/** Checks a delivery before anything of it is believed. `ignored`: it is well signed, and of an event that the endpoint leaves out. Throws `invalid_signature`. */
export async function acceptDelivery(
  { endpoints, hmac, clock }: Pick<RouteDeps, "endpoints" | "hmac" | "clock">,
  { endpoint }: Published,
  exchange: Exchange,
): Promise<Accepted | { readonly ignored: string | null }> {
  const { webhook_source: source, webhook_events: wanted = [] } = endpoint.definition;
  const body = await exchange.readBytes(LIMITS.stdinBytesMax);
  const delivery: Delivery = { header: (name) => exchange.header(name), body };
  if (endpoint.hasSecret) {
    const fault = verifyDelivery(source, delivery, endpoints.secretsOf(endpoint).secrets, clock.now(), hmac);
    if (fault !== null) throw fail("invalid_signature", `The webhook's signature is ${fault}.`, { details: { fault } });
  }
  if (wanted.length > 0) {
    const names = eventNamesOf(source, delivery);
    if (!names.some((name) => wanted.includes(name))) return { ignored: names[0] ?? null };
  }
  return { body, deliveryId: deliveryIdOf(source, delivery) };
}

/** A delivery's name among the endpoint's runs; one that is too long to keep is told by its fingerprint. */
export function deliveryName(id: string): string {
  const isPlain = id.length <= DELIVERY_ID_CHARS_MAX && /^[\x21-\x7e]+$/.test(id);
  return `delivery/${isPlain ? id : nodeHash.sha256Hex(id)}`;
}
