/** A path in a capsule, or here. */
export interface Place {
  /** The capsule's id or name; `null` for a path of this machine. */
  readonly capsule: string | null;
  readonly path: string;
}

/** `CAPSULE:PATH` is in a capsule; anything else, and what begins with `.` or `/`, is here. `CAPSULE:` is its home directory. */
export function placeOf(text: string): Place {
  const [, capsule, path] = /^([^./:][^/:]*):(.*)$/s.exec(text) ?? [];
  return capsule === undefined || path === undefined ? { capsule: null, path: text } : { capsule, path: path === "" ? "." : path };
}
