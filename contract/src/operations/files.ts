import { z } from "zod";
import { fileEntryExample, watchEventsExample, watchExample } from "../examples.ts";
import { capsuleIdParam } from "../ids.ts";
import { defineOperation } from "../operation.ts";
import {
  archiveAnswer,
  archiveWriteQuery,
  fileCopyAnswer,
  fileCopyBody,
  fileEntryAnswer,
  fileListBody,
  fileModeAnswer,
  fileModeBody,
  fileMoveBody,
  filePage,
  fileQuery,
  fileRemoveBody,
  fileTarget,
  fileUpload,
  fileWatchQuery,
  fileWriteQuery,
} from "../schemas/file.ts";
import { watchMessage } from "../watches.ts";

const tag = "Files";
const none = z.object({});
const params = z.object({ id: capsuleIdParam });
/** What every operation on files may come to. */
const common = ["invalid_request", "not_found", "invalid_state", "forbidden", "process_limit", "agent_error", "unavailable"] as const;

const UPLOAD = `A form (\`multipart/form-data\`) with a part \`file\` and, unless the query has it, a part \`path\`, in any order; or, with \`path\` in the query, the bytes themselves as the body.

The file is replaced as a whole once all of it has come: readers see the old one or the new one, and an upload that breaks off leaves nothing. Directories on the way are made. An existing file keeps its owner and mode.`;

const upload = {
  method: "POST",
  tag,
  auth: "member",
  idempotency: "idempotent",
  params,
  query: fileWriteQuery,
  body: fileUpload,
  bodyForm: { form: "raw", types: ["multipart/form-data", "application/octet-stream"] },
  answers: { 204: { description: "It is written.", schema: null } },
} as const;

export const writeFile = defineOperation({
  ...upload,
  id: "writeFile",
  path: "/v1/capsules/{id}/files/write",
  summary: "Write a file of at most 100 MiB",
  description: UPLOAD,
  errors: [...common, "conflict", "too_large", "disk_full"],
});

export const streamWriteFile = defineOperation({
  ...upload,
  id: "streamWriteFile",
  path: "/v1/capsules/{id}/files/stream/write",
  summary: "Write a file of any size",
  description: UPLOAD,
  errors: [...common, "conflict", "disk_full"],
});

const READ = `\`Range\` (one range of bytes), \`If-Range\` and \`If-None-Match\` work by the \`ETag\`. \`Content-Length\` is always there, but for a client that sends \`TE: trailers\`. A file of up to 1 MiB comes with \`Content-Digest\` (sha-256) as a header; a larger one has it as a trailer for clients that send \`TE: trailers\`. Where a file cannot be sent to its end the connection is broken off.`;

const bytes = {
  200: { description: "The bytes.", schema: z.string().meta({ format: "binary" }), contentType: "application/octet-stream" },
  206: { description: "The range.", schema: z.string().meta({ format: "binary" }), contentType: "application/octet-stream" },
  304: { description: "The file is the one that `If-None-Match` names.", schema: null },
} as const;

export const readFile = defineOperation({
  id: "readFile",
  method: "POST",
  path: "/v1/capsules/{id}/files/read",
  tag,
  summary: "Read a file",
  description: READ,
  auth: "member",
  idempotency: "safe",
  params,
  query: none,
  body: fileTarget,
  bodyExample: { path: "/workspace/result.json" },
  answers: bytes,
  errors: [...common, "conflict", "range_not_satisfiable"],
});

export const streamReadFile = defineOperation({
  ...readFile,
  id: "streamReadFile",
  path: "/v1/capsules/{id}/files/stream/read",
  summary: "Read a file: the same as `files/read`",
});

export const downloadFile = defineOperation({
  ...readFile,
  id: "downloadFile",
  method: "GET",
  summary: "Read a file by its URL",
  takesTicket: true,
  query: fileQuery,
  body: null,
  bodyExample: undefined,
});

export const listFiles = defineOperation({
  id: "listFiles",
  method: "POST",
  path: "/v1/capsules/{id}/files/list",
  tag,
  summary: "List a directory, and what is below it to a depth",
  auth: "member",
  idempotency: "safe",
  params,
  query: none,
  body: fileListBody,
  bodyExample: { path: "/workspace", depth: 2 },
  answers: {
    200: { description: "A page, in order.", schema: filePage, example: { entries: [fileEntryExample], next_cursor: null } },
  },
  errors: [...common],
});

export const statFile = defineOperation({
  id: "statFile",
  method: "POST",
  path: "/v1/capsules/{id}/files/stat",
  tag,
  summary: "Get the facts of a file, a directory or a link",
  auth: "member",
  idempotency: "safe",
  params,
  query: none,
  body: fileTarget,
  bodyExample: { path: "/workspace/result.json" },
  answers: {
    200: { description: "Of the path itself: a link is not followed.", schema: fileEntryAnswer, example: { entry: fileEntryExample } },
  },
  errors: [...common],
});

export const makeDirectory = defineOperation({
  id: "makeDirectory",
  method: "POST",
  path: "/v1/capsules/{id}/files/mkdir",
  tag,
  summary: "Make a directory, and those on the way to it",
  auth: "member",
  idempotency: "with_key",
  params,
  query: none,
  body: fileTarget,
  bodyExample: { path: "/workspace/out" },
  answers: {
    200: { description: "The directory.", schema: fileEntryAnswer, example: { entry: { ...fileEntryExample, type: "directory" } } },
  },
  errors: [...common, "conflict", "disk_full"],
});

export const removeFile = defineOperation({
  id: "removeFile",
  method: "POST",
  path: "/v1/capsules/{id}/files/remove",
  tag,
  summary: "Remove a file, a link, or a directory with all that is in it",
  auth: "member",
  idempotency: "with_key",
  params,
  query: none,
  body: fileRemoveBody,
  bodyExample: { path: "/workspace/out" },
  answers: { 204: { description: "It is gone. A link is removed itself, not what it leads to.", schema: null } },
  errors: [...common, "conflict"],
});

export const moveFile = defineOperation({
  id: "moveFile",
  method: "POST",
  path: "/v1/capsules/{id}/files/move",
  tag,
  summary: "Give a file, a link or a directory another name or place",
  auth: "member",
  idempotency: "with_key",
  params,
  query: none,
  body: fileMoveBody,
  bodyExample: { from: "/workspace/draft.md", to: "/workspace/final.md" },
  answers: {
    200: { description: "At its new place. A link is moved itself.", schema: fileEntryAnswer, example: { entry: fileEntryExample } },
  },
  errors: [...common, "conflict", "disk_full"],
});

export const copyFile = defineOperation({
  id: "copyFile",
  method: "POST",
  path: "/v1/capsules/{id}/files/copy",
  tag,
  summary: "Copy a file, a link, or a directory with all that is in it",
  description: "With modes, owners, links and times. A copy appears whole, at the end. Sockets and devices are left out and counted.",
  auth: "member",
  idempotency: "with_key",
  params,
  query: none,
  body: fileCopyBody,
  bodyExample: { from: "/workspace", to: "/root/before" },
  answers: {
    200: {
      description: "The copy.",
      schema: fileCopyAnswer,
      example: { entry: fileEntryExample, entries: 1, bytes: fileEntryExample.size, skipped: 0 },
    },
  },
  errors: [...common, "conflict", "disk_full"],
});

export const changeFileMode = defineOperation({
  id: "changeFileMode",
  method: "POST",
  path: "/v1/capsules/{id}/files/chmod",
  tag,
  summary: "Change the permissions and the owner of a file, or of all that is in a directory",
  auth: "member",
  idempotency: "idempotent",
  params,
  query: none,
  body: fileModeBody,
  bodyExample: { path: "/workspace/run.sh", mode: "755" },
  answers: {
    200: {
      description: "After the change. A link that is named is followed.",
      schema: fileModeAnswer,
      example: { entry: fileEntryExample, changed: 1 },
    },
  },
  errors: [...common],
});

const READ_ARCHIVE = `A tar stream (ustar with pax headers) of a directory, with names relative to it, or of one file. Links are kept as links. Sockets, FIFOs and devices are left out; clients that send \`TE: trailers\` are told how many, by the trailers \`X-Archive-Entries\` and \`X-Archive-Skipped\`. An archive that cannot be read to its end breaks the connection off.`;

export const readArchive = defineOperation({
  id: "readArchive",
  method: "POST",
  path: "/v1/capsules/{id}/files/archive/read",
  tag,
  summary: "Read a directory as a tar archive",
  description: READ_ARCHIVE,
  auth: "member",
  idempotency: "safe",
  params,
  query: none,
  body: fileTarget,
  bodyExample: { path: "/workspace" },
  answers: {
    200: { description: "The archive.", schema: z.string().meta({ format: "binary" }), contentType: "application/x-tar" },
  },
  errors: [...common, "conflict"],
});

export const downloadArchive = defineOperation({
  ...readArchive,
  id: "downloadArchive",
  method: "GET",
  summary: "Read a directory as a tar archive by its URL",
  takesTicket: true,
  query: fileQuery,
  body: null,
  bodyExample: undefined,
});

export const writeArchive = defineOperation({
  id: "writeArchive",
  method: "POST",
  path: "/v1/capsules/{id}/files/archive/write",
  tag,
  summary: "Unpack a tar archive into a directory",
  description:
    "The body is the archive: ustar, pax or GNU, uncompressed. Each file is put in its place as a whole, beside what is there. Refused, with the member's name: absolute paths, `..`, ways through links that leave the directory, devices and FIFOs, and what is cut or malformed; what was unpacked before that stays.",
  auth: "member",
  idempotency: "idempotent",
  params,
  query: archiveWriteQuery,
  body: z.string().meta({ format: "binary" }),
  bodyForm: { form: "raw", types: ["application/x-tar", "application/octet-stream"] },
  answers: { 200: { description: "It is unpacked.", schema: archiveAnswer, example: { entries: 3, bytes: 1024 } } },
  errors: [...common, "conflict", "disk_full"],
});

const WATCH = `Changes of what is in a directory, from the moment it is watched; with \`recursive\` of all below it. A link that is named is followed, one below it is not. Where a reader takes less than happens, \`overflow\` says that changes are missing. The pause, the resumption and the end of the capsule are told. Watching is not activity: it keeps no capsule from being paused. At most 16 watches of a capsule are open at once, of 8192 directories each.`;

const watch = {
  method: "GET",
  tag,
  auth: "member",
  takesTicket: true,
  idempotency: "safe",
  params,
  query: fileWatchQuery,
  body: null,
} as const;

export const watchFiles = defineOperation({
  ...watch,
  id: "watchFiles",
  path: "/v1/capsules/{id}/files/watch",
  summary: "Watch a directory over a WebSocket",
  description: WATCH,
  answers: { 101: { description: "Changes, as they come. The client sends nothing.", schema: null } },
  errors: [...common, "upgrade_required", "shutting_down"],
  socket: { first: null, client: null, server: watchMessage, example: watchExample },
});

export const streamFileChanges = defineOperation({
  ...watch,
  id: "streamFileChanges",
  path: "/v1/capsules/{id}/files/watch/events",
  summary: "Watch a directory as Server-Sent Events",
  description: `${WATCH} Each event has the message's \`type\` for a name and its \`seq\` for an \`id\`. A watch has no past: a client that comes back (\`Last-Event-ID\`) is sent an \`overflow\` first. A comment every 15 s keeps the connection open.`,
  answers: {
    200: { description: "Changes, as they come.", schema: z.string(), contentType: "text/event-stream", example: watchEventsExample },
  },
  errors: [...common, "shutting_down"],
});
