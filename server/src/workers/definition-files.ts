import { z } from "zod";
import type { DefinitionFiles, FileNode } from "../core/endpoint/definition-file.ts";
import type { BoundedThread } from "./bounded-thread.ts";

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
const readFile = z.object({ root: fileNode.optional(), problems: z.array(z.object({ ...place, message: z.string() })) });

/** Reads files of definitions in a thread. */
export function createDefinitionFiles(thread: Pick<BoundedThread, "run">): DefinitionFiles {
  return {
    async read(text) {
      const answer = await thread.run({ kind: "file", text });
      if (!answer.ok) return { root: undefined, problems: [{ line: 1, column: 1, message: `the file cannot be read: ${answer.message}` }] };
      const { root, problems } = readFile.parse(JSON.parse(answer.json));
      return { root, problems };
    },
  };
}
