import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { defaulted, noNul, optional, utf8Bytes } from "./text.ts";

/** A path as callers write it; whether it says a path at all is looked at where it is resolved. */
const filePath = noNul(z.string())
  .refine((path) => utf8Bytes(path) <= LIMITS.filePathBytesMax, { error: `at most ${LIMITS.filePathBytesMax} bytes` })
  .describe("Absolute, relative to `/root`, or `~` and `~/…` for it.");

const filePathBase64 = z
  .base64()
  .max(Math.ceil(LIMITS.filePathBytesMax / 3) * 4)
  .describe("An absolute path in base64, in place of `path`, for one that is no UTF-8.");

/** What names a file: one of the two. */
export const fileTarget = z.object({ path: optional(filePath), path_base64: optional(filePathBase64) });

export const fileQuery = z.object({ path: filePath.optional(), path_base64: filePathBase64.optional() });

/** Permission bits as people write them. */
const octalMode = z.string().regex(/^[0-7]{3,4}$/, { error: "must be octal permission bits, such as 644" });

export const fileWatchQuery = z.strictObject({
  ...fileQuery.shape,
  recursive: z.enum(["true", "false"]).optional().describe("`true`: all directories below it, too, those that appear included."),
});

export const fileWriteQuery = fileQuery.extend({
  mode: octalMode
    .optional()
    .describe("Octal permission bits, e.g. `755`. Left out, an existing file keeps its own and a new one gets 644."),
  exclusive: z.enum(["true", "false"]).optional().describe("`true` answers `conflict` where the file exists, and leaves it alone."),
});

export const fileUpload = z
  .object({
    path: optional(filePath),
    file: z.string().meta({ format: "binary" }).describe("The file's bytes. Parts may come in any order."),
  })
  .meta({ id: "FileUpload" });

/** The same as a body's number has it, in a query. */
const ownerIdText = z
  .string()
  .regex(/^[0-9]{1,5}$/, { error: "must be a number" })
  .refine((id) => Number(id) <= LIMITS.fileOwnerIdMax, { error: `at most ${LIMITS.fileOwnerIdMax}` });

export const archiveWriteQuery = fileQuery.extend({
  uid: ownerIdText.optional().describe("Who owns what is unpacked; left out, whom the archive says."),
  gid: ownerIdText.optional(),
});

export const archiveAnswer = z.object({ entries: z.int().describe("Members."), bytes: z.int().describe("Of their files.") });

export const fileListBody = fileTarget.extend({
  depth: defaulted(z.int().min(0).max(LIMITS.fileListDepthMax), 1).describe("Levels of directories; 0 counts as 1."),
  limit: defaulted(z.int().min(1).max(LIMITS.fileListLimitMax), LIMITS.fileListLimitMax).describe("Entries of one answer at most."),
  cursor: optional(z.string().min(1).max(8192)).describe("`next_cursor` of the answer before."),
});

export const fileRemoveBody = fileTarget.extend({
  recursive: defaulted(z.boolean(), true).describe("`false` refuses a directory that is not empty."),
});

/** From where to where; `from` and `to` as `path` elsewhere. */
const filePlacement = z.object({
  from: optional(filePath),
  from_base64: optional(filePathBase64),
  to: optional(filePath),
  to_base64: optional(filePathBase64),
  overwrite: defaulted(z.boolean(), false).describe("Replaces what is there; a directory only by a move, and only an empty one."),
  create_parents: defaulted(z.boolean(), true).describe("Makes the directories on the way."),
});

export const fileMoveBody = filePlacement;

export const fileCopyBody = filePlacement.extend({
  recursive: defaulted(z.boolean(), true).describe("`false` refuses a directory."),
});

const ownerId = z.int().min(0).max(LIMITS.fileOwnerIdMax);

export const fileModeBody = fileTarget.extend({
  mode: optional(octalMode).describe("Octal permission bits as text, e.g. `755`."),
  uid: optional(ownerId),
  gid: optional(ownerId),
  recursive: defaulted(z.boolean(), false).describe("For a directory: of all that is in it, too. Links below it are not followed."),
});

export const fileEntry = z
  .object({
    name: z.string(),
    path: z.string(),
    type: z.enum(["file", "directory", "symlink"]).describe("Of the path itself. What is none of these counts as a file, see `special`."),
    special: z.enum(["fifo", "socket", "character_device", "block_device"]).optional().describe("Set where it is no file with bytes."),
    size: z.int(),
    mode: z.int().describe("Permission bits, e.g. 420 for octal 644."),
    permissions: z.string().describe("As `ls -l` has them, e.g. `-rw-r--r--`."),
    uid: z.int(),
    gid: z.int(),
    owner: z.string(),
    group: z.string(),
    modified_at: z.int().describe("Unix seconds."),
    modified_at_ms: z.int().describe("Unix milliseconds."),
    symlink_target: z.string().optional(),
    target_type: z
      .enum(["file", "directory", "symlink"])
      .nullable()
      .optional()
      .describe("What a link leads to in the end; null where that does not exist."),
    unreadable: z.boolean().optional().describe("A directory whose entries could not be read."),
    name_base64: z.string().optional().describe("The name itself where it is no UTF-8; `name` then has U+FFFD in it."),
    path_base64: z.string().optional(),
    symlink_target_base64: z.string().optional(),
  })
  .meta({ id: "FileEntry" });

export const fileEntryAnswer = z.object({ entry: fileEntry });

export const fileCopyAnswer = z.object({
  entry: fileEntry,
  entries: z.int().describe("Files, directories and links that were copied."),
  bytes: z.int(),
  skipped: z.int().describe("Sockets and devices, which are not copied."),
});

export const fileModeAnswer = z.object({ entry: fileEntry, changed: z.int().describe("Files, directories and links.") });

export const filePage = z
  .object({
    entries: z.array(fileEntry).describe("What is in a directory by its bytes; what is below a directory right behind it."),
    next_cursor: z.string().nullable().describe("null: there are no more."),
  })
  .meta({ id: "FilePage" });
