import type { ByteRange } from "../../core/file/read-file.ts";

/** One range of bytes as a request asks for it: `null` where a file has no such range, `undefined` where it asks for none that is served. */
export function rangeOf(header: string, size: number): ByteRange | null | undefined {
  const [, first, last] = /^bytes=(\d{0,16})-(\d{0,16})$/i.exec(header.trim()) ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? null : { from: size - length, to: size };
  }
  const from = Number(first);
  if (last !== "" && Number(last) < from) return undefined;
  if (from >= size) return null;
  return { from, to: last === "" ? size : Math.min(Number(last) + 1, size) };
}

/** Whether a list of entity tags, or `*`, names this one. */
export function namesTag(header: string, tag: string): boolean {
  return header
    .split(",")
    .map((one) => one.trim().replace(/^W\//, ""))
    .some((one) => one === "*" || one === tag);
}
