import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** A schema's issue in words: what the value at `path` has to be. */
export interface IssueText {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What the checker calls a type, in words. */
const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object with fields",
  record: "an object with fields",
  null: "null",
};

/** Of alternatives, what is said against the one that came furthest. */
export function issueText(issue: Issue, path: readonly (string | number)[] = plainPath(issue.path)): IssueText {
  if (issue.code !== "invalid_union") return { path, message: messageOf(issue) };
  const all = issue.errors.flat();
  const words = all.map(alternativeOf);
  // None of the alternatives: each is named, but one list of values says more alone.
  const isOneList = all.filter((inner) => inner.code === "invalid_value").length === 1;
  if (all.length > 0 && !isOneList && words.every((word) => word !== undefined))
    return { path, message: `must be ${listed([...new Set(words.flat())])}` };
  const isType = (inner: Issue): boolean => inner.code === "invalid_type" && inner.path.length === 0 && TYPES[inner.expected] !== undefined;
  const furthest = all.filter((inner) => !isType(inner)).toSorted((left, right) => right.path.length - left.path.length)[0];
  if (furthest !== undefined) return issueText(furthest, [...path, ...plainPath(furthest.path)]);
  return { path, message: issue.discriminator === undefined ? "is not valid" : "is not one of the types that there are" };
}

/** What an alternative would have been, in words, where the value as a whole is none of its kind. */
function alternativeOf(issue: Issue): readonly string[] | undefined {
  if (issue.path.length > 0) return undefined;
  if (issue.code === "invalid_value") return issue.values.map(String);
  const type = issue.code === "invalid_type" ? TYPES[issue.expected] : undefined;
  return type === undefined ? undefined : [type];
}

function plainPath(path: readonly PropertyKey[]): readonly (string | number)[] {
  return path.map((part) => (typeof part === "number" ? part : String(part)));
}

function messageOf(issue: Exclude<Issue, { readonly code: "invalid_union" }>): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.message.endsWith("received undefined") ? "is required" : `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.map(String).join(", ")}`;
    case "too_small":
      if (issue.origin === "string" && issue.minimum === 1) return "must not be empty";
      return `must ${extent(issue.origin)} ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}${unit(issue.origin)}`;
    case "too_big":
      return `must ${extent(issue.origin)} ${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}${unit(issue.origin)}`;
    case "unrecognized_keys":
      return "is not a known field";
    case "invalid_format":
      return formatOf(issue);
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}`;
    case "invalid_key":
    case "invalid_element":
      return issue.issues.map((inner) => issueText(inner).message)[0] ?? "is not valid";
    case "custom":
      return issue.message === "Invalid input" ? "is not valid" : issue.message;
  }
}

function extent(origin: string): string {
  return origin === "number" || origin === "int" || origin === "bigint" ? "be" : "have";
}

function unit(origin: string): string {
  if (extent(origin) === "be") return "";
  return origin === "string" ? " characters" : " entries";
}

/** A form's own words, where its schema has some. */
function formatOf(issue: Extract<Issue, { readonly code: "invalid_format" }>): string {
  if (!issue.message.startsWith("Invalid ")) return issue.message;
  switch (issue.format) {
    case "url":
      return "must be a URL, with http:// or https://";
    case "datetime":
      return "must be a date and time, like 2026-11-01T10:00:00Z";
    case "base64":
      return "must be base64";
    case "regex":
      return `must match ${issue.pattern ?? "its pattern"}`;
    default:
      return `must be a valid ${issue.format}`;
  }
}

function listed(words: readonly string[]): string {
  return words.length === 1 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
