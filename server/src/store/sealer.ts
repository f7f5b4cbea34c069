import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import type { Sealer } from "../core/ports/sealer.ts";
import { createFile } from "../lib/node/file.ts";
import { DataDirError } from "./data-dir.ts";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** The form of what `seal` gives; a later form gets a name of its own, and this one stays readable. */
const FORM = "v1.";

/** What was sealed cannot be opened: altered, or sealed under another key or context. */
export class SealBrokenError extends Error {
  override readonly name = "SealBrokenError";
}

/** AES-256-GCM with a random nonce for each text. */
export function createSealer(key: Uint8Array): Sealer {
  if (key.length !== KEY_BYTES) throw new RangeError(`a sealing key has ${KEY_BYTES} bytes, not ${key.length}`);
  return {
    seal(text, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(FORM + context, "utf8"));
      const sealed = Buffer.concat([nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return FORM + sealed.toString("base64url");
    },
    open(sealed, context) {
      if (!sealed.startsWith(FORM)) throw new SealBrokenError("the sealed text has an unknown form");
      const encoded = sealed.slice(FORM.length);
      const bytes = Buffer.from(encoded, "base64url");
      // Node's decoder skips what is no base64url, so the text is compared with the one way to write these bytes.
      if (bytes.length < NONCE_BYTES + TAG_BYTES || bytes.toString("base64url") !== encoded)
        throw new SealBrokenError("the sealed text is damaged");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(FORM + context, "utf8"));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString("utf8");
      } catch (error) {
        throw new SealBrokenError("the sealed text was altered, or sealed under another key or context", { cause: error });
      }
    },
  };
}

/** The sealing key at `path`, made (0600) when there is none. Throws `DataDirError` when others may read it or it is no key. */
export async function loadSealingKey(path: string): Promise<{ readonly key: Uint8Array; readonly fingerprint: string }> {
  await createFile(path, randomBytes(KEY_BYTES), 0o600);
  if (((await stat(path)).mode & 0o077) !== 0) throw new DataDirError(`others may read the sealing key: chmod 600 ${path}`);
  const key = await readFile(path);
  if (key.length !== KEY_BYTES)
    throw new DataDirError(`${path} is not a sealing key: it has ${key.length} bytes instead of ${KEY_BYTES}; restore it from a backup`);
  return { key, fingerprint: createHash("sha256").update("capsuled sealing key\0").update(key).digest("hex").slice(0, 16) };
}
