import { createHmac, hkdfSync } from "node:crypto";
import type { NotificationSigner } from "../core/ports/notification-signer.ts";

const SECRET_BYTES = 32;

/** Secrets that follow from the sealing key and the endpoint's id: nothing of them is stored. */
export function createSigner(sealingKey: Uint8Array): NotificationSigner {
  const keyOf = (endpointId: string): Buffer =>
    Buffer.from(hkdfSync("sha256", sealingKey, new Uint8Array(0), `capsuled notification\0${endpointId}`, SECRET_BYTES));
  return {
    secretOf: (endpointId) => `whsec_${keyOf(endpointId).toString("base64")}`,
    sign(endpointId, id, timestamp, body) {
      return `v1,${createHmac("sha256", keyOf(endpointId)).update(`${id}.${timestamp}.${body}`, "utf8").digest("base64")}`;
    },
  };
}
