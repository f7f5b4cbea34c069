import type { fileEntry } from "@capsuled/contract";
import type { z } from "zod";
import type { AgentFileEntry, FileType } from "../../core/ports/agent-files.ts";

type Entry = z.output<typeof fileEntry>;

/** An entry as callers know it: what is neither file, directory nor link counts as a file, since clients know no other. */
export function renderFileEntry(entry: AgentFileEntry): Entry {
  const special = entry.type === "other" ? SPECIAL[entry.permissions.charAt(0)] : undefined;
  return {
    name: entry.name,
    path: entry.path,
    type: publicType(entry.type),
    ...(special !== undefined && { special }),
    size: entry.size,
    mode: entry.mode,
    permissions: entry.permissions,
    uid: entry.uid,
    gid: entry.gid,
    owner: entry.owner,
    group: entry.group,
    modified_at: Math.floor(entry.modifiedAt / 1000),
    modified_at_ms: Math.floor(entry.modifiedAt),
    ...(entry.symlinkTarget !== undefined && { symlink_target: entry.symlinkTarget }),
    ...(entry.targetType !== undefined && { target_type: entry.targetType === null ? null : publicType(entry.targetType) }),
    ...(entry.unreadable === true && { unreadable: true }),
    ...(entry.nameBase64 !== undefined && { name_base64: entry.nameBase64 }),
    ...(entry.pathBase64 !== undefined && { path_base64: entry.pathBase64 }),
    ...(entry.symlinkTargetBase64 !== undefined && { symlink_target_base64: entry.symlinkTargetBase64 }),
  };
}

/** By the first character of `ls -l`. */
const SPECIAL: Readonly<Record<string, Entry["special"]>> = { p: "fifo", s: "socket", c: "character_device", b: "block_device" };

function publicType(type: FileType): Entry["type"] {
  return type === "other" ? "file" : type;
}
