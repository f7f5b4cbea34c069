import type { WebhookSource } from "@capsuled/contract";
import type { Hmac } from "../ports/hmac.ts";
import { areEqual, bytesOf, bytesOfBase64, bytesOfHex } from "./bytes.ts";
import type { Delivery } from "./delivery.ts";

/** Seconds that a signed time may be away from ours, in either direction. */
export const TOLERANCE_SEC = 300;
/** Signatures of one request that are looked at. */
const SIGNATURES_MAX = 16;

/** `null`: the delivery is signed with one of the secrets. Otherwise what is wrong, for a person; it tells nothing of the right signature. */
export type Fault = "missing" | "malformed" | "wrong" | "too old" | null;

/** Signatures that a delivery claims to have, over what, and with which forms of a secret as the key. */
interface Claim {
  readonly signatures: readonly Uint8Array[];
  readonly signed: readonly Uint8Array[];
  keyOf(secret: string): Uint8Array;
}

/** Checks a delivery's signature over its raw bytes. `now` is unix milliseconds; several secrets are taken while one is exchanged for another. */
export function verifyDelivery(source: WebhookSource, delivery: Delivery, secrets: readonly string[], now: number, hmac: Hmac): Fault {
  const claim = claimOf(source, delivery, Math.floor(now / 1000));
  if (typeof claim === "string") return claim;
  let isSigned = false;
  // Every pair is compared, so that the time says neither which secret nor which signature fits.
  for (const secret of secrets) {
    const right = hmac.sha256(claim.keyOf(secret), claim.signed);
    for (const signature of claim.signatures) isSigned = areEqual(signature, right) || isSigned;
  }
  return isSigned ? null : "wrong";
}

function claimOf(source: WebhookSource, delivery: Delivery, nowSec: number): Claim | Exclude<Fault, null> {
  switch (source) {
    case "github":
      return prefixedHex(delivery, delivery.header("x-hub-signature-256"));
    case "stripe":
      return stripe(delivery, nowSec);
    case "shopify":
      return shopify(delivery);
    case "generic":
      // The scheme with a time wins: a request that has it is not judged by the one without.
      if (delivery.header("webhook-signature") !== undefined) return standard(delivery, nowSec);
      return prefixedHex(delivery, delivery.header("x-signature-256") ?? delivery.header("x-hub-signature-256"));
  }
}

/** `sha256=<hex>` over the body. */
function prefixedHex({ body }: Delivery, text: string | undefined): Claim | Exclude<Fault, null> {
  if (text === undefined) return "missing";
  const signature = text.startsWith("sha256=") ? bytesOfHex(text.slice("sha256=".length)) : null;
  if (signature === null) return "malformed";
  return { signatures: [signature], signed: [body], keyOf: bytesOf };
}

/** Base64 over the body. */
function shopify(delivery: Delivery): Claim | Exclude<Fault, null> {
  const text = delivery.header("x-shopify-hmac-sha256");
  if (text === undefined) return "missing";
  const signature = bytesOfBase64(text);
  if (signature === null) return "malformed";
  return { signatures: [signature], signed: [delivery.body], keyOf: bytesOf };
}

/** `t=<seconds>,v1=<hex>[,v1=<hex>…]` over `<seconds>.<body>`. */
function stripe(delivery: Delivery, nowSec: number): Claim | Exclude<Fault, null> {
  const text = delivery.header("stripe-signature");
  if (text === undefined) return "missing";
  const items = text.split(",").map((item) => item.trim());
  const times = items.filter((item) => item.startsWith("t=")).map((item) => item.slice(2));
  const signatures = items.filter((item) => item.startsWith("v1=")).flatMap((item) => bytesOfHex(item.slice(3)) ?? []);
  const [time] = times;
  if (time === undefined || times.length !== 1 || signatures.length === 0 || signatures.length > SIGNATURES_MAX) return "malformed";
  return timed(time, nowSec, { signatures, signed: [bytesOf(`${time}.`), delivery.body], keyOf: bytesOf });
}

/** Standard Webhooks: `v1,<base64>`, several with spaces between, over `<id>.<seconds>.<body>`. */
function standard(delivery: Delivery, nowSec: number): Claim | Exclude<Fault, null> {
  const id = delivery.header("webhook-id");
  const time = delivery.header("webhook-timestamp");
  const text = delivery.header("webhook-signature") ?? "";
  if (id === undefined || time === undefined) return "missing";
  const signatures = text
    .split(" ")
    .filter((item) => item.startsWith("v1,"))
    .flatMap((item) => bytesOfBase64(item.slice(3)) ?? []);
  if (signatures.length === 0 || signatures.length > SIGNATURES_MAX) return "malformed";
  return timed(time, nowSec, { signatures, signed: [bytesOf(`${id}.${time}.`), delivery.body], keyOf: standardKey });
}

function timed(time: string, nowSec: number, claim: Claim): Claim | Exclude<Fault, null> {
  if (!/^[0-9]{1,12}$/.test(time)) return "malformed";
  return Math.abs(nowSec - Number(time)) > TOLERANCE_SEC ? "too old" : claim;
}

/** A secret that begins with `whsec_` is base64 after it; any other is its own text. */
function standardKey(secret: string): Uint8Array {
  return keyInBase64(secret) ?? bytesOf(secret);
}

/** The key of a secret in the form `whsec_<base64>`; `null` for any other. */
export function keyInBase64(secret: string): Uint8Array | null {
  return secret.startsWith("whsec_") ? bytesOfBase64(secret.slice("whsec_".length)) : null;
}
