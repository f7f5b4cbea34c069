import { invalid } from "../fail.ts";
import { readArchive, writeArchive } from "./archive.ts";
import type { FileDeps } from "./deps.ts";
import { holdUpload } from "./hold-upload.ts";
import { listFiles } from "./list-files.ts";
import { resolvePath } from "./path.ts";
import { readFile } from "./read-file.ts";
import type { FileService } from "./service.ts";
import { watchFiles } from "./watch-files.ts";
import { workIn } from "./work.ts";
import { writeFile } from "./write-file.ts";

/** The use cases of files over one set of dependencies. */
export function createFileService(deps: FileDeps): FileService {
  return {
    async stat(principal, capsuleId, input) {
      const path = resolvePath(input);
      return workIn(deps, principal, capsuleId, ({ link }) => link.files.stat(path));
    },
    list: (principal, capsuleId, input) => listFiles(deps, principal, capsuleId, input),
    async makeDirectory(principal, capsuleId, input) {
      const path = resolvePath(input);
      return workIn(deps, principal, capsuleId, ({ link }) => link.files.makeDirectory(path, true));
    },
    async remove(principal, capsuleId, input, recursive) {
      const path = resolvePath(input);
      await workIn(deps, principal, capsuleId, ({ link }) => link.files.remove(path, recursive));
    },
    async move(principal, capsuleId, { from, to, ...request }) {
      const ends = [resolvePath(from, "from"), resolvePath(to, "to")] as const;
      return workIn(deps, principal, capsuleId, ({ link }) => link.files.move(...ends, request));
    },
    async copy(principal, capsuleId, { from, to, ...request }, recursive) {
      const ends = [resolvePath(from, "from"), resolvePath(to, "to")] as const;
      return workIn(deps, principal, capsuleId, ({ link }) => link.files.copy(...ends, { ...request, recursive }));
    },
    async changeMode(principal, capsuleId, input, change, recursive) {
      const path = resolvePath(input);
      if (Object.keys(change).length === 0) throw invalid("mode", "is required, or uid or gid");
      return workIn(deps, principal, capsuleId, ({ link }) => link.files.changeMode(path, change, recursive));
    },
    read: (principal, capsuleId, input, choose) => readFile(deps, principal, capsuleId, input, choose),
    write: (principal, capsuleId, input, wish, source) => writeFile(deps, principal, capsuleId, input, wish, source),
    readArchive: (principal, capsuleId, input) => readArchive(deps, principal, capsuleId, input),
    writeArchive: (principal, capsuleId, input, owner, source) => writeArchive(deps, principal, capsuleId, input, owner, source),
    watch: (principal, capsuleId, input, recursive) => watchFiles(deps, principal, capsuleId, input, recursive),
    hold: (principal, capsuleId, source) => holdUpload(deps, principal, capsuleId, source),
  };
}
