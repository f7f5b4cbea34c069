import { invalid } from "../fail.ts";
import type { RecipeFile } from "./plan.ts";

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** The bytes of a recipe's file; `undefined` when it is not what its encoding says. */
function bytesOf({ content, encoding }: RecipeFile): Uint8Array | undefined {
  if (encoding === "utf-8") return new TextEncoder().encode(content);
  if (content.length % 4 !== 0 || !BASE64.test(content)) return undefined;
  return Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
}

/** Throws `invalid_request` for a file whose content is not what its encoding says. */
export function checkContents(files: readonly RecipeFile[]): void {
  for (const [index, file] of files.entries()) if (bytesOf(file) === undefined) throw invalid(`files.${index}.content`, "is not base64");
}

/** The bytes of a file that was checked. */
export function decodeContent(file: RecipeFile): Uint8Array {
  const bytes = bytesOf(file);
  if (bytes === undefined) throw new Error("a recipe's file was not checked");
  return bytes;
}
