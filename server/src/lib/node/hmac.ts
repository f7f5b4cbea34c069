import { createHmac } from "node:crypto";
import type { Hmac } from "../../core/ports/hmac.ts";

/** Implements core's `Hmac`. */
export const nodeHmac: Hmac = {
  sha256(key, parts) {
    const mac = createHmac("sha256", key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  },
};
