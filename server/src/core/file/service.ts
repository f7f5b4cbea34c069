import type { Principal } from "../access/principal.ts";
import type {
  AgentFileEntry,
  ChangedFiles,
  CopiedFiles,
  FileWriteRequest,
  ModeChange,
  PlacementRequest,
  WrittenArchive,
  WrittenFile,
} from "../ports/agent-files.ts";
import type { ArchiveContent } from "./archive.ts";
import type { HeldUpload } from "./hold-upload.ts";
import type { FileList, ListInput } from "./list-files.ts";
import type { PathInput } from "./path.ts";
import type { ChooseRange, FileContent } from "./read-file.ts";
import type { DirectoryWatch } from "./directory-watch.ts";
import type { ByteSource } from "./write-file.ts";

/** What is moved or copied, and where to. */
export interface Placement extends PlacementRequest {
  readonly from: PathInput;
  readonly to: PathInput;
}

/** The use cases of files. All throw `not_found` and `invalid_state` of the capsule, and all but `watch` count as activity. */
export interface FileService {
  stat(principal: Principal, capsuleId: string, path: PathInput): Promise<AgentFileEntry>;
  list(principal: Principal, capsuleId: string, input: ListInput): Promise<FileList>;
  /** Throws `conflict` where there is something already. */
  makeDirectory(principal: Principal, capsuleId: string, path: PathInput): Promise<AgentFileEntry>;
  remove(principal: Principal, capsuleId: string, path: PathInput, recursive: boolean): Promise<void>;
  /** Throws `conflict` where there is something that is not to be replaced. */
  move(principal: Principal, capsuleId: string, placement: Placement): Promise<AgentFileEntry>;
  copy(principal: Principal, capsuleId: string, placement: Placement, recursive: boolean): Promise<CopiedFiles>;
  changeMode(principal: Principal, capsuleId: string, path: PathInput, change: ModeChange, recursive: boolean): Promise<ChangedFiles>;
  read(principal: Principal, capsuleId: string, path: PathInput, choose: ChooseRange | null): Promise<FileContent>;
  write(principal: Principal, capsuleId: string, path: PathInput, wish: FileWriteRequest, source: ByteSource): Promise<WrittenFile>;
  readArchive(principal: Principal, capsuleId: string, path: PathInput): Promise<ArchiveContent>;
  writeArchive(
    principal: Principal,
    capsuleId: string,
    path: PathInput,
    owner: Omit<ModeChange, "mode">,
    source: ByteSource,
  ): Promise<WrittenArchive>;
  /** Watches a directory, and with `recursive` all below it, which counts as no activity. The watch must be closed. */
  watch(principal: Principal, capsuleId: string, path: PathInput, recursive: boolean): Promise<DirectoryWatch>;
  /** Takes a file whose path comes behind it. */
  hold(principal: Principal, capsuleId: string, source: ByteSource): Promise<HeldUpload>;
}
