import { SettingsError } from "../errors.ts";

/** The names of an option type's fields. The compiler asks for each of them where a value is checked by `satisfies`. */
export type NamesOf<T> = Readonly<Record<keyof T, true>>;

/**
 * Refuses an option that nobody knows: without types a slip would be left out without a word, and another thing done than was meant.
 * An option that is `undefined` is none. `like` are names that a slip may have been meant for, where `known` does not tell callers all.
 */
export function requireKnown(given: object, known: Readonly<Record<string, true>>, like: readonly string[] = []): void {
  for (const [name, value] of Object.entries(given)) {
    if (Object.hasOwn(known, name) || value === undefined) continue;
    const names = [...Object.keys(known), ...like];
    const near = nearest(name, names);
    const hint = near === undefined ? `The options here are ${names.join(", ")}` : `Did you mean \`${near}\`?`;
    throw new SettingsError(`There is no option \`${name}\` here. ${hint}`);
  }
}

/** Names without what differs between ways of writing them. */
const plain = (name: string): string => name.replaceAll("_", "").toLowerCase();

/** The name that was meant, if one is near enough. */
function nearest(name: string, names: readonly string[]): string | undefined {
  const wanted = plain(name);
  const near = names
    .map((one) => ({ one, far: farness(wanted, plain(one)) }))
    .filter(({ far }) => far <= Math.max(wanted.length < 4 ? 1 : 2, Math.floor(wanted.length / 3)))
    .sort((a, b) => a.far - b.far);
  return near[0]?.one;
}

/** How many letters have to be changed, added or left out; a name that is cut short or drawn out is one away. */
function farness(from: string, to: string): number {
  if (from.length >= 3 && to.length >= 3 && (from.startsWith(to) || to.startsWith(from))) return from === to ? 0 : 1;
  let before = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [row, letter] of Array.from(from).entries()) {
    const now = [row + 1];
    for (const [column, other] of Array.from(to).entries()) {
      const changed = (before[column] ?? 0) + (letter === other ? 0 : 1);
      now.push(Math.min(changed, (before[column + 1] ?? 0) + 1, (now[column] ?? 0) + 1));
    }
    before = now;
  }
  return before[to.length] ?? 0;
}
