/** The code of an error of the system's or of Node's, e.g. `EEXIST`; `undefined` where there is none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
