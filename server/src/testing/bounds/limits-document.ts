import { UNITS, constant, readSource } from "./constants.ts";

/** A number of the code. */
export interface Constant {
  readonly path: string;
  readonly name: string;
}

/** One line of docs/limits.md. */
export interface LimitRow {
  readonly section: string;
  /** What is bounded. */
  readonly name: string;
  /** The numbers it names, in milliseconds, bytes or pieces. */
  readonly figures: readonly number[];
  /** The constants that they come from, one each; `null` for one without a name, an empty list where none has one. */
  readonly constants: readonly (Constant | null)[];
  /** Settings that change it. */
  readonly settings: readonly string[];
  readonly edge: string;
  /** Files of its tests, from the repository's root. */
  readonly tests: readonly string[];
}

const COLUMNS = 5;
const NONE = "–";
const HEAD = "bound | default | at the edge | constant | test";
/** How the document shortens paths. */
const PLACES: Readonly<Record<string, string>> = {
  "acceptance/": "acceptance/tests/",
  "agent/": "agent/tests/agent/",
  "http/": "server/src/http/",
  "images/": "server/src/images/",
  "core/": "server/src/core/",
  "store/": "server/src/store/",
  "oci/": "server/src/drivers/oci/",
  "link/": "server/src/agent-link/",
};

/** The rows of every table of bounds in docs/limits.md; throws where a line is none. */
export function readLimits(): readonly LimitRow[] {
  const rows: LimitRow[] = [];
  let section = "";
  let places: Readonly<Record<string, string>> = {};
  let isBounds = false;
  for (const line of readSource("docs/limits.md").split("\n")) {
    if (line.startsWith("## ")) {
      section = line.slice(3);
      places = {};
    }
    for (const [, letter = "", path = ""] of line.matchAll(/(?:^|, )([A-Z]) is `([^`]+)`/g)) places = { ...places, [letter]: path };
    if (!line.startsWith("|")) isBounds = false;
    else if (line === `| ${HEAD} |`) isBounds = true;
    else if (isBounds && !line.startsWith("|--")) rows.push(readRow(section, places, line));
  }
  return rows;
}

function readRow(section: string, places: Readonly<Record<string, string>>, line: string): LimitRow {
  const cells = line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
  const [name = "", figures = "", edge = "", constants = "", tests = ""] = cells;
  if (cells.length !== COLUMNS) throw new Error(`a line of ${cells.length} cells: ${line}`);
  return {
    section,
    name,
    figures: figuresOf(figures),
    constants: constants === NONE ? [] : constants.split(", ").map((cell) => readConstant(cell, places, line)),
    settings: [...figures.matchAll(/`(CAPSULED_[A-Z_]+)`/g)].map((match) => match[1] ?? ""),
    edge,
    tests: tests
      .split(", ")
      .filter((test) => test !== "" && test !== NONE)
      .map(placeOf),
  };
}

function readConstant(cell: string, places: Readonly<Record<string, string>>, line: string): Constant | null {
  if (cell === NONE) return null;
  const [, letter = "", name = ""] = /^([A-Z]) `([^`]+)`$/.exec(cell) ?? [];
  const path = places[letter];
  if (path === undefined) throw new Error(`${cell} names no file of its section: ${line}`);
  return { path, name };
}

/** `1 000`, `4 MiB`, `7 days`; what stands in code style or in brackets is no figure of the bound. */
function figuresOf(cell: string): readonly number[] {
  const text = cell.replace(/`[^`]*`/g, "").replace(/\([^)]*\)/g, "");
  return [...text.matchAll(/(\d{1,3}(?: \d{3})+|\d+(?:\.\d+)?)(?: ([A-Za-z]+))?/g)].map(
    ([, digits = "", unit = ""]) => Number(digits.replaceAll(" ", "")) * (UNITS[unit] ?? 1),
  );
}

function placeOf(test: string): string {
  const name = test.replaceAll("`", "");
  const place = Object.keys(PLACES).find((prefix) => name.startsWith(prefix));
  // A file of the agent's own, beside the code.
  if (place === undefined || name.startsWith("agent/src/")) return name;
  return `${PLACES[place] ?? ""}${name.slice(place.length)}`;
}

/** The numbers that a row should tell, by its constants; those without a name are taken as they stand. */
export function numbersOf(row: LimitRow): readonly (number | undefined)[] {
  if (row.constants.length === 0) return row.figures;
  return row.constants.map((found, at) => (found === null ? row.figures[at] : constant(found.path, found.name)));
}
