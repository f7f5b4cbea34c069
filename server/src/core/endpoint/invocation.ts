/** What a definition and a caller's arguments come to: one program with its arguments, never a shell string made of values. */
export interface Invocation {
  readonly cmd: string;
  readonly args: readonly string[];
  /** Variables that carry arguments to a shell (`shell: true`); empty otherwise. */
  readonly env: Readonly<Record<string, string>>;
}
