import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { codeOf, constant } from "./constants.ts";
import type { Constant } from "./limits-document.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const SOURCES = ["contract/src/**/*.ts", "server/src/**/*.ts", "agent/src/**/*.rs", "agent/launcher/src/**/*.rs"];
/** Tests, and the driver that only simulates. */
const LEFT_OUT = /\.test\.ts$|\/testing\/|\/conformance|\/drivers\/fake\//;

/** Every number that the code gives a name in capitals, those in objects with such a name included. */
export function allConstants(): readonly Constant[] {
  return globSync(SOURCES, { cwd: ROOT })
    .filter((path) => !LEFT_OUT.test(path))
    .sort()
    .flatMap((path) => namesIn(codeOf(path)).map((name) => ({ path, name })))
    .filter(({ path, name }) => isNumber(path, name));
}

function namesIn(code: string): readonly string[] {
  return [...code.matchAll(/^(?:export |pub |pub\(crate\) )?const ([A-Z][A-Z0-9_]*)\b[^=\n]*=\s*(\{)?/gm)].flatMap(
    ({ 1: name = "", 2: brace, index }) =>
      brace === undefined ? [name] : keysOf(code.slice(index, code.indexOf("\n}", index))).map((key) => `${name}.${key}`),
  );
}

/** Keys of an object and of those in it: `events.ms`. */
function keysOf(text: string): readonly string[] {
  const keys: string[] = [];
  for (const line of text.split("\n")) {
    const [, outer] = /^\s*(\w+): \{/.exec(line) ?? [];
    const inner = [...line.slice(line.indexOf("{") + 1).matchAll(/\b(\w+): ?(?!\{)/g)].map((match) => match[1] ?? "");
    keys.push(...(outer === undefined ? inner : inner.map((key) => `${outer}.${key}`)));
  }
  return keys;
}

function isNumber(path: string, name: string): boolean {
  try {
    constant(path, name);
    return true;
  } catch {
    return false;
  }
}
