import { hash } from "node:crypto";
import type { Hash } from "../../core/ports/hash.ts";

export const nodeHash: Hash = { sha256Hex: (text) => hash("sha256", text, "hex") };
