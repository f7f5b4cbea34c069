/** A place in a file; lines and columns count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A value of a file with its place; what an alias stands for is in its place. */
export type FileNode = Place &
  (
    | { readonly kind: "scalar"; readonly value: string | number | boolean | null }
    | { readonly kind: "list"; readonly items: readonly FileNode[] }
    | { readonly kind: "map"; readonly fields: readonly FileField[] }
  );

export interface FileField {
  readonly name: string;
  /** Of the name. */
  readonly place: Place;
  readonly value: FileNode;
}

export interface FileNote extends Place {
  readonly message: string;
}

export interface ReadFile {
  /** Undefined where the text cannot be read at all. */
  readonly root: FileNode | undefined;
  readonly problems: readonly FileNote[];
  /** Lines that are no YAML: what else is said of them comes of that. */
  readonly spoiltLines: readonly number[];
}

/** Reads YAML in the team's turn (of which JSON is a part) with bounds on its time, its depth and its size after aliases; a hostile text is a problem. */
export interface DefinitionFiles {
  read(teamId: string, text: string): Promise<ReadFile>;
}
