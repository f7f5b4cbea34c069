import type { FileNode, Place } from "./definition-file.ts";
import type { DefinitionPath } from "./problem.ts";

/** Where the value at `path` stands, or the innermost one on the way to it that does. */
export function locate(node: FileNode, path: DefinitionPath): Place {
  const [part, ...rest] = path;
  if (part === undefined) return node;
  if (node.kind === "map") {
    const field = node.fields.find(({ name }) => name === part);
    if (field !== undefined) return locate(field.value, rest);
  }
  const item = node.kind === "list" && typeof part === "number" ? node.items[part] : undefined;
  return item === undefined ? node : locate(item, rest);
}

/** Where the name of a field stands: what is wrong is that it is there. */
export function locateName(node: FileNode, path: DefinitionPath, name: string): Place {
  const [part, ...rest] = path;
  if (part === undefined) {
    const field = node.kind === "map" ? node.fields.find((candidate) => candidate.name === name) : undefined;
    return field?.place ?? node;
  }
  const inner =
    node.kind === "map"
      ? node.fields.find((candidate) => candidate.name === part)?.value
      : node.kind === "list" && typeof part === "number"
        ? node.items[part]
        : undefined;
  return inner === undefined ? node : locateName(inner, rest, name);
}

/** The value without its places. */
export function plainOf(node: FileNode): unknown {
  switch (node.kind) {
    case "scalar":
      return node.value;
    case "list":
      return node.items.map(plainOf);
    case "map":
      return Object.fromEntries(node.fields.map(({ name, value }) => [name, plainOf(value)]));
  }
}
