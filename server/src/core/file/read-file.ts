import { fail } from "../fail.ts";
import type { Principal } from "../access/principal.ts";
import type { AgentFiles, FileDownload, FileHead, FilePath } from "../ports/agent-files.ts";
import type { FileDeps } from "./deps.ts";
import type { PathInput } from "./path.ts";
import { resolvePath } from "./path.ts";
import type { ByteContent } from "./work.ts";
import { openIn } from "./work.ts";

/** Bytes `from` up to, and without, `to`. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** A file's content, or a range of it, as it comes. */
export interface FileContent extends ByteContent {
  readonly head: FileHead;
  /** Names this content of this file, for as long as it is not written in place within one millisecond and to the same size. */
  readonly version: string;
  /** Whether it is a range of the file. */
  readonly isRange: boolean;
  /** Of the bytes that came, in hex; known after the last. */
  sha256(): string | null;
}

/** Which range of a file is wanted, once its facts are known: `null` for all of it. Throws `range_not_satisfiable`. */
export type ChooseRange = (size: number, version: string) => ByteRange | null;

/** Times a file is looked at anew when it has changed between the look and the reading. */
const LOOKS_MAX = 3;

/** Opens a file of the caller's capsule. Its reading counts as activity, to its end. */
export async function readFile(
  deps: FileDeps,
  principal: Principal,
  capsuleId: string,
  input: PathInput,
  choose: ChooseRange | null,
): Promise<FileContent> {
  const path = resolvePath(input);
  return openIn(deps, principal, capsuleId, async (live, attended) => {
    const { files } = live.link;
    const { download, isRange } =
      choose === null ? { download: await files.read(path, 0, null), isRange: false } : await openChosen(files, path, choose);
    const { head } = download;
    return { ...attended(download), head, version: versionOf(head), isRange, sha256: () => download.sha256 };
  });
}

interface Opened {
  readonly download: FileDownload;
  readonly isRange: boolean;
}

/** A range is chosen by the file's size, so that is looked at first; what is read must still be that file. */
async function openChosen(files: AgentFiles, path: FilePath, choose: ChooseRange): Promise<Opened> {
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    const look = await files.read(path, 0, 0);
    look.close();
    const range = choose(look.head.size, versionOf(look.head));
    if (range === null) return { download: await files.read(path, 0, null), isRange: false };
    const download = await files.read(path, range.from, range.to - range.from);
    if (versionOf(download.head) === versionOf(look.head)) return { download, isRange: true };
    download.close();
  }
  throw fail("conflict", "The file changes faster than a range of it can be read.");
}

function versionOf({ size, modifiedAt, inode }: FileHead): string {
  const version = `${size.toString(36)}-${modifiedAt.toString(36)}`;
  return inode === null ? version : `${version}-${inode.toString(36)}`;
}
