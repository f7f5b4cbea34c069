import { createHash } from "node:crypto";
import type { Principal } from "../../core/access/principal.ts";
import { fail, invalid } from "../../core/fail.ts";
import type { PathInput } from "../../core/file/path.ts";
import { resolvePath } from "../../core/file/path.ts";
import type { FileContent } from "../../core/file/read-file.ts";
import type { FileService } from "../../core/file/service.ts";
import type { ByteSource } from "../../core/file/write-file.ts";
import type { AgentFileEntry } from "../../core/ports/agent-files.ts";
import { FakeWatch } from "./fake-watch.ts";

/** Bytes that a fake file gives at a time. */
const PIECE = 64 * 1024;
const MODIFIED_AT = Date.UTC(2026, 10, 1, 10);

/** Files in a map, by their absolute path; `check` throws for a capsule that is not the caller's, or does not run. */
export function createFakeFiles(written: Map<string, Buffer>, check: (principal: Principal, capsuleId: string) => void): FileService {
  const pathOf = (input: PathInput): string => {
    const found = resolvePath(input);
    return "path" in found ? found.path : Buffer.from(found.path_base64, "base64").toString();
  };
  const existing = (path: string): Buffer => {
    const bytes = written.get(path);
    if (bytes === undefined) throw fail("not_found");
    return bytes;
  };
  return {
    async stat(principal, id, input) {
      check(principal, id);
      return entryOf(pathOf(input), existing(pathOf(input)).length);
    },
    async list(principal, id, input) {
      check(principal, id);
      const below = [...written].filter(([path]) => path.startsWith(`${pathOf(input)}/`));
      return { entries: below.map(([path, bytes]) => entryOf(path, bytes.length)), nextCursor: null };
    },
    async makeDirectory(principal, id, input) {
      check(principal, id);
      return { ...entryOf(pathOf(input), 0), type: "directory" };
    },
    async remove(principal, id, input) {
      check(principal, id);
      existing(pathOf(input));
      written.delete(pathOf(input));
    },
    async move(principal, id, { from, to }) {
      check(principal, id);
      const bytes = existing(pathOf(from));
      written.delete(pathOf(from));
      written.set(pathOf(to), bytes);
      return entryOf(pathOf(to), bytes.length);
    },
    async copy(principal, id, { from, to }) {
      check(principal, id);
      const bytes = existing(pathOf(from));
      written.set(pathOf(to), bytes);
      return { entry: entryOf(pathOf(to), bytes.length), entries: 1, bytes: bytes.length, skipped: 0 };
    },
    async changeMode(principal, id, input, change) {
      check(principal, id);
      return { entry: { ...entryOf(pathOf(input), existing(pathOf(input)).length), mode: change.mode ?? 0o644 }, changed: 1 };
    },
    async read(principal, id, input, choose) {
      check(principal, id);
      const bytes = existing(pathOf(input));
      const version = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
      const range = choose?.(bytes.length, version) ?? null;
      return contentOf(bytes, range?.from ?? 0, range?.to ?? bytes.length, version, range !== null);
    },
    async write(principal, id, input, _wish, source) {
      const path = pathOf(input);
      check(principal, id);
      const bytes = await collect(source);
      const created = !written.has(path);
      written.set(path, bytes);
      return { size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex"), created };
    },
    async readArchive(principal, id, input) {
      check(principal, id);
      const content = contentOf(existing(pathOf(input)), 0, existing(pathOf(input)).length, "", false);
      return {
        next: () => content.next(),
        end: () => ({ entries: 1, bytes: existing(pathOf(input)).length, skipped: 2 }),
        close: () => content.close(),
      };
    },
    async writeArchive(principal, id, input, _owner, source) {
      pathOf(input);
      check(principal, id);
      return { entries: 1, bytes: (await collect(source)).length };
    },
    /** Of a file that is made and a directory that is then gone. */
    async watch(principal, id, input) {
      const path = pathOf(input);
      check(principal, id);
      if (written.has(path)) throw invalid("path", "is no directory");
      if (![...written.keys()].some((one) => one.startsWith(`${path}/`))) throw fail("not_found");
      const watch = new FakeWatch();
      watch.tell({ kind: "created", path: `${path}/new`, isDirectory: false }, { kind: "ended", reason: "removed" });
      return watch;
    },
    async hold(principal, id, source) {
      check(principal, id);
      const bytes = await collect(source);
      return {
        async *bytes() {
          yield bytes;
        },
        release: async () => undefined,
      };
    },
  };
}

function contentOf(all: Buffer, from: number, to: number, version: string, isRange: boolean): FileContent {
  const bytes = all.subarray(from, to);
  let at = 0;
  return {
    head: { size: all.length, from, length: bytes.length, modifiedAt: MODIFIED_AT, inode: null },
    version,
    isRange,
    async next() {
      const piece = bytes.subarray(at, at + PIECE);
      at += piece.length;
      return piece.length === 0 ? null : piece;
    },
    sha256: () => (at < bytes.length ? null : createHash("sha256").update(bytes).digest("hex")),
    close() {},
  };
}

async function collect(source: ByteSource): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const bytes of source) parts.push(bytes);
  return Buffer.concat(parts);
}

function entryOf(path: string, size: number): AgentFileEntry {
  const who = { uid: 0, gid: 0, owner: "root", group: "root" };
  const name = path.slice(path.lastIndexOf("/") + 1);
  return { name, path, type: "file", size, mode: 0o644, permissions: "-rw-r--r--", ...who, modifiedAt: MODIFIED_AT };
}
