import type { Document, ParsedNode } from "yaml";
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, Scalar } from "yaml";
import type { FileField, FileNode, FileNote, Place, ReadFile } from "../core/endpoint/definition-file.ts";
import { WORKER_LIMITS } from "./limits.ts";
import { faultOf } from "./yaml-fault.ts";

/** Problems kept of one file. */
const PROBLEMS_MAX = 200;

/** Reads YAML 1.2 to values with their places: aliases are followed, `<<` merged, everything within bounds. */
export function readYaml(text: string): ReadFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    merge: false,
    logLevel: "error",
    schema: "core",
  });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const faults = [...document.errors, ...document.warnings].map((error) => ({ ...placeAt(error.pos[0]), ...faultOf(error, text) }));
  const isReadable = faults.every(({ isLocal }) => isLocal);
  const problems = oneEachLine(faults)
    .slice(0, PROBLEMS_MAX)
    .map(({ line, column, message }): FileNote => ({
      line,
      column,
      message: isReadable ? message : `${message} (the rest is looked at once this is right)`,
    }));
  const spoiltLines = problems.map(({ line }) => line);
  if (!isReadable) return { root: undefined, problems, spoiltLines };
  const reader = new TreeReader(document, placeAt);
  const root = reader.read();
  return { root, problems: [...problems, ...reader.problems], spoiltLines };
}

/** What follows on the same line comes of the first. */
function oneEachLine<N extends Place>(faults: readonly N[]): readonly N[] {
  const sorted = faults.toSorted((left, right) => left.line - right.line || left.column - right.column);
  return sorted.filter((fault, index) => fault.line !== sorted[index - 1]?.line);
}

/** Found once, and then there is nothing more to read. */
class Unbounded extends Error {}

class TreeReader {
  readonly problems: FileNote[] = [];
  readonly #document: Document.Parsed;
  readonly #placeAt: (offset: number) => Place;
  readonly #anchors = new Map<string, ParsedNode>();
  #values = 0;

  constructor(document: Document.Parsed, placeAt: (offset: number) => Place) {
    this.#document = document;
    this.#placeAt = placeAt;
  }

  read(): FileNode | undefined {
    try {
      return this.#node(this.#document.contents, 0);
    } catch (error) {
      if (error instanceof Unbounded) return undefined;
      throw error;
    }
  }

  #node(node: ParsedNode | null, depth: number): FileNode {
    const place = this.#placeOf(node);
    this.#values += 1;
    if (this.#values > WORKER_LIMITS.fileValuesMax)
      throw this.#unbounded(place, `there are more than ${WORKER_LIMITS.fileValuesMax} values, aliases followed`);
    if (depth > WORKER_LIMITS.fileDepthMax)
      throw this.#unbounded(place, `there are more than ${WORKER_LIMITS.fileDepthMax} levels, aliases followed`);
    if (node === null) return { ...place, kind: "scalar", value: null };
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target !== undefined) return this.#node(target, depth + 1);
      this.#problem(place, `there is no anchor &${node.source} before it; a value that begins with \`*\` needs quotes`);
      return { ...place, kind: "scalar", value: null };
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isSeq(node)) return { ...place, kind: "list", items: node.items.map((item) => this.#node(item, depth + 1)) };
    if (isMap(node)) return { ...place, kind: "map", fields: this.#fields(node.items, depth + 1) };
    return { ...place, kind: "scalar", value: this.#scalar(node, place) };
  }

  #scalar(node: ParsedNode, place: Place): string | number | boolean | null {
    const value: unknown = isScalar(node) ? node.value : undefined;
    if (value === null || typeof value === "string" || typeof value === "boolean") return value;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    this.#problem(place, "is no text, number or truth value");
    return null;
  }

  #fields(pairs: readonly { readonly key: ParsedNode; readonly value: ParsedNode | null }[], depth: number): readonly FileField[] {
    const fields = new Map<string, FileField>();
    const merged: FileField[] = [];
    for (const { key, value } of pairs) {
      const place = this.#placeOf(key);
      const name = nameOf(key);
      if (name === undefined) {
        this.#problem(place, "a field's name must be text; a value that begins with `{` needs quotes");
        continue;
      }
      const node = this.#node(value, depth);
      if (name === "<<" && isScalar(key) && key.type === Scalar.PLAIN) {
        merged.push(...this.#merged(node, place));
        continue;
      }
      if (fields.has(name)) this.#problem(place, `${JSON.stringify(name)} is there twice`);
      else fields.set(name, { name, place, value: value === null ? { ...node, ...place } : node });
    }
    for (const field of merged) if (!fields.has(field.name)) fields.set(field.name, field);
    return [...fields.values()];
  }

  /** Of several maps the first one that has a field gives it. */
  #merged(node: FileNode, place: Place): readonly FileField[] {
    if (node.kind === "map") return node.fields;
    if (node.kind === "list" && node.items.every((item) => item.kind === "map")) return node.items.flatMap((item) => item.fields);
    this.#problem(place, "`<<` takes a map, or a list of maps");
    return [];
  }

  #placeOf(node: ParsedNode | null): Place {
    return this.#placeAt(node?.range[0] ?? 0);
  }

  #problem(place: Place, message: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push({ ...place, message });
  }

  #unbounded(place: Place, message: string): Unbounded {
    this.#problem(place, message);
    return new Unbounded(message);
  }
}

function nameOf(key: ParsedNode): string | undefined {
  const value: unknown = isScalar(key) ? key.value : undefined;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}
