import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Where a template's packages come from. */
export interface AptSources {
  readonly suite: string;
  /** One-line entries for the builder. */
  readonly lines: readonly string[];
}

interface Entry {
  readonly uri: string;
  readonly suite: string;
  readonly signedBy: string | null;
}

const MIRROR = "http://deb.debian.org/debian";
const SECURITY = "http://deb.debian.org/debian-security";

/** The setting's mirror; else the host's own Debian sources; else Debian's default mirror with the recipe's release. */
export function chooseSources(mirror: string, recipeSuite: string, etc = "/etc"): AptSources {
  const codename = debianCodename(etc);
  const suite = codename ?? recipeSuite;
  if (mirror !== "") return { suite, lines: [`deb ${mirror} ${suite} main`] };
  const own = codename === null ? [] : hostEntries(join(etc, "apt")).filter((entry) => isDebian(entry, codename));
  const lines = own.map(({ uri, suite: own, signedBy }) => `deb ${signedBy === null ? "" : `[signed-by=${signedBy}] `}${uri} ${own} main`);
  return { suite, lines: lines.length > 0 ? [...new Set(lines)] : neutralSources(suite) };
}

/** What a capsule's own apt uses: never the host's mirrors, whose names (and passwords) are the host's business. */
export function neutralSources(suite: string): string[] {
  return [`deb ${MIRROR} ${suite} main`, `deb ${MIRROR} ${suite}-updates main`, `deb ${SECURITY} ${suite}-security main`];
}

function debianCodename(etc: string): string | null {
  const file = join(etc, "os-release");
  if (!existsSync(file)) return null;
  const text = readFileSync(file, "utf8");
  if (!/^ID="?debian"?$/m.test(text)) return null;
  return /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(text)?.[1] ?? null;
}

/** Debian's archive, mirrors included, for the host's own release; not what third parties add to it. */
function isDebian({ uri, suite }: Entry, codename: string): boolean {
  return /\/debian(-security)?\/?$/.test(uri) && [codename, `${codename}-updates`, `${codename}-security`].includes(suite);
}

function hostEntries(aptDir: string): Entry[] {
  const parts = join(aptDir, "sources.list.d");
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  const main = join(aptDir, "sources.list");
  return [
    ...(existsSync(main) ? oneLine(readFileSync(main, "utf8")) : []),
    ...names.filter((name) => name.endsWith(".list")).flatMap((name) => oneLine(readFileSync(join(parts, name), "utf8"))),
    ...names.filter((name) => name.endsWith(".sources")).flatMap((name) => deb822(readFileSync(join(parts, name), "utf8"))),
  ];
}

/** `deb [options] uri suite components…` */
export function oneLine(text: string): Entry[] {
  return text.split("\n").flatMap((line) => {
    const match = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)$/.exec(line.trim());
    const [, options, uri, suite, components] = match ?? [];
    if (uri === undefined || suite === undefined || !/\bmain\b/.test(components ?? "")) return [];
    return [{ uri, suite, signedBy: /signed-by=(\/\S+)/.exec(options ?? "")?.[1] ?? null }];
  });
}

/** Stanzas of `Field: values`, with comments and continued lines. */
export function deb822(text: string): Entry[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map<string, string[]>();
    let field = "";
    for (const line of stanza.split("\n").filter((line) => !line.startsWith("#"))) {
      const start = /^([A-Za-z-]+):(.*)$/.exec(line);
      if (start?.[1] !== undefined) field = start[1].toLowerCase();
      fields.set(field, [...(fields.get(field) ?? []), ...(start?.[2] ?? line).trim().split(/\s+/).filter(Boolean)]);
    }
    const get = (name: string): string[] => fields.get(name) ?? [];
    if (!get("types").includes("deb") || !get("components").includes("main") || get("enabled")[0] === "no") return [];
    const signedBy = get("signed-by")[0]?.startsWith("/") === true ? (get("signed-by")[0] ?? null) : null;
    return get("uris").flatMap((uri) => get("suites").map((suite) => ({ uri, suite, signedBy })));
  });
}
