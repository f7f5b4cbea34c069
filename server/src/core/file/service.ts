import type { Principal } from "../access/principal.ts";
import type { AgentFileEntry, FileWriteRequest, WrittenFile } from "../ports/agent-files.ts";
import type { HeldUpload } from "./hold-upload.ts";
import type { FileList, ListInput } from "./list-files.ts";
import type { PathInput } from "./path.ts";
import type { ChooseRange, FileContent } from "./read-file.ts";
import type { ByteSource } from "./write-file.ts";

/** The use cases of files. All throw `not_found` and `invalid_state` of the capsule, and count as activity. */
export interface FileService {
  stat(principal: Principal, capsuleId: string, path: PathInput): Promise<AgentFileEntry>;
  list(principal: Principal, capsuleId: string, input: ListInput): Promise<FileList>;
  /** Throws `conflict` where there is something already. */
  makeDirectory(principal: Principal, capsuleId: string, path: PathInput): Promise<AgentFileEntry>;
  remove(principal: Principal, capsuleId: string, path: PathInput, recursive: boolean): Promise<void>;
  read(principal: Principal, capsuleId: string, path: PathInput, choose: ChooseRange | null): Promise<FileContent>;
  write(principal: Principal, capsuleId: string, path: PathInput, wish: FileWriteRequest, source: ByteSource): Promise<WrittenFile>;
  /** Takes a file whose path comes behind it. */
  hold(principal: Principal, capsuleId: string, source: ByteSource): Promise<HeldUpload>;
}
