import type { EndpointDefinition } from "@capsuled/contract";
import { LIMITS, utf8Bytes } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import { fail } from "../fail.ts";
import type { CheckDeps } from "./check-whole.ts";
import { checkWhole } from "./check-whole.ts";
import type { Place } from "./definition-file.ts";
import type { EndpointDeps } from "./deps.ts";
import type { FileEndpoint } from "./import-endpoint.ts";
import { noted, readDefinitionFile } from "./import-file.ts";
import { ENDPOINT_LIMITS } from "./limits.ts";
import { locate } from "./locate.ts";
import { goneWarnings } from "./gone-secrets.ts";
import { makeRecord } from "./make-record.ts";
import { changedMeanwhile, requireRoom } from "./put-endpoint.ts";
import type { DefinitionPath, DefinitionProblem } from "./problem.ts";
import type { EndpointRecord } from "./record.ts";
import type { FileProblem, ImportOutcome, PlannedChange } from "./service.ts";
import type { EndpointChange } from "./store.ts";

export interface ImportOptions {
  /** Say what would change, and change nothing. */
  readonly dryRun: boolean;
  /** Also delete the team's endpoints that the file does not name. */
  readonly prune: boolean;
}

/** Milliseconds of checking before others get their turn, and of checking one file. */
const TURN_MS = 10;
const CHECK_MS_MAX = 10_000;
/** Problems after which no more are looked for: what one answer tells many times over. */
const PROBLEMS_SEEN_MAX = 10 * ENDPOINT_LIMITS.fileProblemsMax;

interface Checked {
  readonly name: string;
  readonly definition: EndpointDefinition;
  readonly path: DefinitionPath;
  /** Where a field stands. */
  at(path: DefinitionPath): Place;
}

/** A whole file of definitions at once: all of it, or nothing and every problem. */
export async function importEndpoints(
  deps: EndpointDeps,
  principal: Principal,
  text: string,
  options: ImportOptions,
): Promise<ImportOutcome> {
  const bytes = utf8Bytes(text);
  if (bytes > LIMITS.importBytesMax) throw fail("too_large", `The file has ${bytes} bytes, at most ${LIMITS.importBytesMax}.`);
  const file = readDefinitionFile(await deps.files.read(principal.teamId, text));
  const problems = [...file.problems];
  const warnings = [...file.warnings];
  const checked: Checked[] = [];
  const once = { ...deps, templates: rememberTemplates(deps.templates) };
  let turnAt = performance.now();
  let checkedMs = 0;
  for (const endpoint of file.endpoints) {
    if (problems.length > PROBLEMS_SEEN_MAX) break;
    // A file of a thousand endpoints takes long to check: others get their turn in between.
    const tookMs = performance.now() - turnAt;
    if (tookMs > TURN_MS) {
      checkedMs += tookMs;
      if (checkedMs > CHECK_MS_MAX)
        throw fail("invalid_request", `The file takes more than ${CHECK_MS_MAX / 1000} s to check: import it in parts.`);
      await new Promise((resolve) => setTimeout(resolve, 0));
      turnAt = performance.now();
    }
    const { name, path, node } = endpoint;
    const definition = await checkOne(once, principal.teamId, endpoint, problems, warnings);
    if (name !== undefined && definition !== undefined) checked.push({ name, definition, path, at: (inner) => locate(node, inner) });
  }
  if (problems.length > 0) throw refusal(problems);
  const outcome = await apply(deps, principal, checked, options);
  return { ...outcome, warnings: inOrder([...warnings, ...outcome.warnings]) };
}

async function checkOne(
  deps: CheckDeps,
  teamId: string,
  { definition, isFollowing, node, path }: FileEndpoint,
  problems: FileProblem[],
  warnings: FileProblem[],
): Promise<EndpointDefinition | undefined> {
  if (definition === undefined) return undefined;
  const checked = await checkWhole(deps, teamId, definition);
  const note = (notes: FileProblem[], found: readonly DefinitionProblem[]): void => {
    for (const problem of found)
      if (!isFollowing(problem)) notes.push(noted(locate(node, problem.path), [...path, ...problem.path], problem.message));
  };
  note(problems, checked.problems);
  note(warnings, checked.warnings);
  return checked.definition;
}

/** A file of a thousand endpoints asks for few templates. */
function rememberTemplates(templates: EndpointDeps["templates"]): EndpointDeps["templates"] {
  const known = new Map<string, Promise<boolean>>();
  return {
    isThere(teamId, name) {
      const found = known.get(name) ?? templates.isThere(teamId, name);
      known.set(name, found);
      return found;
    },
  };
}

interface Plan {
  readonly changes: readonly PlannedChange[];
  readonly warnings: readonly FileProblem[];
  readonly stored: readonly EndpointChange[];
}

async function apply(
  deps: EndpointDeps,
  { teamId }: Principal,
  checked: readonly Checked[],
  { dryRun, prune }: ImportOptions,
): Promise<ImportOutcome> {
  for (let attempt = 0; attempt < ENDPOINT_LIMITS.attemptsMax; attempt += 1) {
    const { changes, warnings, stored } = plan(deps, teamId, checked, await listAll(deps, teamId), prune);
    const count = (kind: PlannedChange["change"]): number => changes.filter(({ change }) => change === kind).length;
    await requireRoom(deps, teamId, count("create") - count("delete"));
    if (dryRun) return { applied: false, changes, warnings };
    const isDone = stored.length === 0 || (await deps.store.apply(teamId, stored));
    deps.cache.forget(
      teamId,
      changes.filter(({ change }) => change !== "unchanged").map(({ name }) => name),
    );
    if (isDone) return { applied: true, changes, warnings };
  }
  throw changedMeanwhile();
}

function plan(deps: EndpointDeps, teamId: string, checked: readonly Checked[], existing: readonly EndpointRecord[], prune: boolean): Plan {
  const known = new Map(existing.map((record) => [record.name, record]));
  const changes: PlannedChange[] = [];
  const warnings: FileProblem[] = [];
  const stored: EndpointChange[] = [];
  for (const { name, definition, path, at } of checked) {
    const before = known.get(name);
    known.delete(name);
    const { record, fields } = makeRecord(deps, teamId, name, definition, before);
    if (record === before) changes.push({ name, change: "unchanged", fields: [] });
    else {
      changes.push(before === undefined ? { name, change: "create", fields: [] } : { name, change: "update", fields });
      for (const gone of goneWarnings(before, record)) warnings.push(noted(at([]), [...path, ...gone.path], gone.message));
      stored.push({ kind: "put", record, fromVersion: before?.version ?? 0 });
    }
  }
  for (const { id, name, version } of prune ? known.values() : []) {
    changes.push({ name, change: "delete", fields: [] });
    stored.push({ kind: "delete", id, fromVersion: version });
  }
  return { changes, warnings, stored };
}

async function listAll({ store }: Pick<EndpointDeps, "store">, teamId: string): Promise<readonly EndpointRecord[]> {
  const all: EndpointRecord[] = [];
  let cursor: string | null = null;
  do {
    const page = await store.list(teamId, LIMITS.listLimitMax, cursor);
    all.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return all;
}

function refusal(problems: readonly FileProblem[]): Error {
  const listed = inOrder(problems);
  const [first] = listed;
  const where =
    first === undefined ? "" : `line ${first.line}, column ${first.column}: ${first.path}${first.path === "" ? "" : ": "}${first.message}`;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return fail("invalid_request", `${where}${more}`, { details: { problems: listed } });
}

function inOrder(notes: readonly FileProblem[]): readonly FileProblem[] {
  return notes.toSorted((left, right) => left.line - right.line || left.column - right.column).slice(0, ENDPOINT_LIMITS.fileProblemsMax);
}
