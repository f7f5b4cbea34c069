import { z } from "zod";
import type { DefinitionFiles, FileNode, ReadFile } from "../core/endpoint/definition-file.ts";
import type { JobRunner } from "./thread-pool.ts";

const place = { line: z.int(), column: z.int() };
const fileNode: z.ZodType<FileNode> = z.lazy(() =>
  z.discriminatedUnion("kind", [
    z.object({ ...place, kind: z.literal("scalar"), value: z.union([z.string(), z.number(), z.boolean(), z.null()]) }),
    z.object({ ...place, kind: z.literal("list"), items: z.array(fileNode) }),
    z.object({
      ...place,
      kind: z.literal("map"),
      fields: z.array(z.object({ name: z.string(), place: z.object(place), value: fileNode })),
    }),
  ]),
);
const readFile = z.object({
  root: fileNode.optional(),
  problems: z.array(z.object({ ...place, message: z.string() })),
  spoiltLines: z.array(z.int()),
});

/** Reads files of definitions in threads. */
export function createDefinitionFiles(threads: JobRunner): DefinitionFiles {
  return {
    async read(teamId, text) {
      const answer = await threads.run(teamId, { kind: "file", text });
      if (!answer.ok) return unread(`the file cannot be read: ${answer.message}`);
      const { root, problems, spoiltLines } = readFile.parse(JSON.parse(new TextDecoder().decode(answer.json)));
      return { root, problems, spoiltLines };
    },
  };
}

function unread(message: string): ReadFile {
  return { root: undefined, problems: [{ line: 1, column: 1, message }], spoiltLines: [] };
}
