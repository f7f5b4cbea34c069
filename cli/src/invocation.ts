import { basename, delimiter, dirname, isAbsolute, relative } from "node:path";

/** What the words that start this program depend on. */
export interface Started {
  readonly env: NodeJS.ProcessEnv;
  readonly argv: readonly string[];
  cwd(): string;
}

const PROGRAM = "capsuled";

/** The words that start this program again as it was started now: `capsuled`, `npx capsuled`, or its path where no search finds it. */
export function invocationOf(process: Started): string {
  if (process.env["npm_lifecycle_event"] === "npx") return `npx ${PROGRAM}`;
  const [, path = ""] = process.argv;
  if (basename(path) !== PROGRAM || (process.env["PATH"] ?? "").split(delimiter).includes(dirname(path))) return PROGRAM;
  const near = relative(process.cwd(), path);
  return near.startsWith("..") || isAbsolute(near) ? path : near.includes("/") ? near : `./${near}`;
}

/** Commands of this program within a text, which stand in backquotes, behind a colon or in a pipe, as they are to be typed here. */
export function asTyped(process: Started, text: string): string {
  const program = invocationOf(process);
  return program === PROGRAM ? text : text.replaceAll(/(?<=`|: |sudo |, (?:or )?|\| |[A-Z]=… )capsuled (?=[a-z-])/g, `${program} `);
}
