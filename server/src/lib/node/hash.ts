import { hash } from "node:crypto";

/** Implements core's `Hash`. */
export const nodeHash: { sha256Hex(text: string): string } = { sha256Hex: (text) => hash("sha256", text, "hex") };
