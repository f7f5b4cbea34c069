import { RESERVED_WORDS } from "./reserved-words.ts";

/** Characters of a slug. */
const SLUG_CHARS_MAX = 39;
const SLUG_CHARS_MIN = 3;

/** Whether the slug is one of the API's own words. */
export function isReserved(slug: string): boolean {
  return RESERVED_WORDS.has(slug);
}

/** A slug from a name in any script: always valid, never reserved, not always unique. */
export function slugFrom(name: string): string {
  const plain = name
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/\p{Mark}/gu, "")
    .replaceAll("ß", "ss")
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  const lettered = /^[a-z]/.test(plain) && plain.length >= SLUG_CHARS_MIN ? plain : `team-${plain}`.replace(/-$/, "-0");
  const slug = trimmed(lettered, SLUG_CHARS_MAX);
  return isReserved(slug) ? withSuffix(slug, "team") : slug;
}

/** The slug with a suffix that makes it another one, within the bound. */
export function withSuffix(slug: string, suffix: string): string {
  return `${trimmed(slug, SLUG_CHARS_MAX - 1 - suffix.length)}-${suffix}`;
}

function trimmed(text: string, charsMax: number): string {
  return text.slice(0, charsMax).replace(/-+$/, "");
}
