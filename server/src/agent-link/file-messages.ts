import { z } from "zod";
import type { AgentFileEntry, AgentFilePage, FileChange, FileHead, FilePath, WrittenFile } from "../core/ports/agent-files.ts";
import { Fields } from "./fields.ts";
import { readJson, reader } from "./messages.ts";

/** Payloads about files, parsed: shapes in agent/PROTOCOL.md, "Files". */

const count = z.int().min(0);
const type = z.enum(["file", "directory", "symlink", "other"]);

const entry = z
  .object({
    name: z.string(),
    name_base64: z.string().optional(),
    path: z.string(),
    path_base64: z.string().optional(),
    type,
    size: count,
    mode: z.int().min(0).max(0o7777),
    permissions: z.string().length(10),
    uid: count,
    gid: count,
    owner: z.string(),
    group: z.string(),
    // A file may be older than 1970.
    modified_at_ms: z.number(),
    symlink_target: z.string().optional(),
    symlink_target_base64: z.string().optional(),
    target_type: type.nullish(),
    unreadable: z.boolean().optional(),
  })
  .transform((m): AgentFileEntry => ({
    name: m.name,
    ...(m.name_base64 !== undefined && { nameBase64: m.name_base64 }),
    path: m.path,
    ...(m.path_base64 !== undefined && { pathBase64: m.path_base64 }),
    type: m.type,
    size: m.size,
    mode: m.mode,
    permissions: m.permissions,
    uid: m.uid,
    gid: m.gid,
    owner: m.owner,
    group: m.group,
    modifiedAt: m.modified_at_ms,
    ...(m.symlink_target !== undefined && { symlinkTarget: m.symlink_target }),
    ...(m.symlink_target_base64 !== undefined && { symlinkTargetBase64: m.symlink_target_base64 }),
    ...(m.target_type !== undefined && { targetType: m.target_type }),
    ...(m.unreadable === true && { unreadable: true as const }),
  }));

const page = z
  .object({ entries: z.array(entry), next: z.string().nullable(), next_base64: z.string().optional() })
  .transform((m): AgentFilePage => ({ entries: m.entries, next: nextOf(m.next, m.next_base64) }));

function nextOf(next: string | null, base64: string | undefined): FilePath | null {
  if (base64 !== undefined) return { path_base64: base64 };
  return next === null ? null : { path: next };
}

const SHA256 = /^[0-9a-f]{64}$/;
const sha256 = z.string().regex(SHA256);

const written = z
  .object({ size: count, sha256, created: z.boolean() })
  .transform((m): WrittenFile => ({ size: m.size, sha256: m.sha256, created: m.created }));

const changedPath = { path: z.string(), path_base64: z.string().optional(), directory: z.boolean() };

const KINDS = { create: "created", modify: "modified", delete: "removed", attrib: "attributes_changed" } as const;

const change = z
  .discriminatedUnion("kind", [
    z.object({ kind: z.enum(["create", "modify", "delete", "attrib"]), ...changedPath }),
    z.object({ kind: z.literal("move"), ...changedPath, from: z.string(), from_base64: z.string().optional() }),
    z.object({ kind: z.literal("overflow") }),
  ])
  .transform((m): FileChange => {
    if (m.kind === "overflow") return { kind: "overflow" };
    const at = { path: m.path, ...(m.path_base64 !== undefined && { pathBase64: m.path_base64 }), isDirectory: m.directory };
    if (m.kind !== "move") return { kind: KINDS[m.kind], ...at };
    return { kind: "renamed", ...at, from: m.from, ...(m.from_base64 !== undefined && { fromBase64: m.from_base64 }) };
  });

export const readFileEntry = reader(
  "result of a file operation",
  z.object({ entry }).transform((m) => m.entry),
);
export const readFilePage = reader("result of list", page);

/** Throws `ProtocolError`. */
export function readFileHead(payload: Buffer): FileHead {
  const m = new Fields("head", readJson("head", payload));
  return {
    size: m.count("size"),
    from: m.count("from"),
    length: m.count("length"),
    modifiedAt: m.number("modified_at_ms"),
    inode: m.get("inode") === undefined ? null : m.count("inode"),
  };
}

/** Throws `ProtocolError`. */
export function readFileEnd(payload: Buffer): { readonly bytes: number; readonly sha256: string } {
  const m = new Fields("result of read", readJson("result of read", payload));
  return { bytes: m.count("bytes"), sha256: m.matching("sha256", SHA256) };
}

export const readWritten = reader("result of write", written);
export const readArchiveEnd = reader("result of archive_read", z.object({ entries: count, bytes: count, skipped: count }));
export const readWrittenArchive = reader("result of archive_write", z.object({ entries: count, bytes: count }));
export const readCopied = reader("result of copy", z.object({ entry, entries: count, bytes: count, skipped: count }));
export const readChanged = reader("result of chmod", z.object({ entry, changed: count }));
export const readRemoved = reader(
  "result of remove",
  z.object({ removed: count }).transform((m) => m.removed),
);
export const readWatchHead = reader(
  "head of watch",
  z.object({ watches: count }).transform((m) => m.watches),
);
export const readChange = reader("change", change);
export const readWatchEnd = reader("result of watch", z.object({ ended: z.enum(["gone", "cancelled"]) }));
