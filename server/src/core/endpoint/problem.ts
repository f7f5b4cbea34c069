/** Where in a definition: `["args", 0, "default"]`. */
export type DefinitionPath = readonly (string | number)[];

/** Something wrong with a definition, at the field that has to change. */
export interface DefinitionProblem {
  readonly path: DefinitionPath;
  readonly message: string;
  /** Other fields that it comes of as well. */
  readonly of?: readonly string[];
}

/** `args[0].default`; empty for the whole. */
export function pathText(path: DefinitionPath): string {
  return path.map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`)).join("");
}
