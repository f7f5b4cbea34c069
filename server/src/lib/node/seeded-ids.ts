import { hash } from "node:crypto";
import type { RandomIds } from "./ids.ts";
import { renderBase36 } from "./ids.ts";

/** Ids that follow from a secret seed: the same seed gives the same ones in the same order, and nobody without it can tell the next. */
export function createSeededIds(seed: string): RandomIds {
  let made = 0;
  const digest = (): Buffer => {
    made += 1;
    return hash("sha256", `${seed}:${made}`, "buffer");
  };
  return {
    next(prefix) {
      const bytes = digest();
      return `${prefix}-${renderBase36(Uint16Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2)))}`;
    },
    hex(bytes) {
      let text = "";
      while (text.length < bytes * 2) text += digest().toString("hex");
      return text.slice(0, bytes * 2);
    },
  };
}
