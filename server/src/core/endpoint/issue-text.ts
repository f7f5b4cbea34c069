import type { z } from "zod";
import type { DefinitionPath, DefinitionProblem } from "./problem.ts";

/** A schema's issue as a problem in words; of alternatives, what is said against the one that came furthest. */
export function issueText(issue: z.core.$ZodIssue, path: DefinitionPath): DefinitionProblem {
  if (issue.code === "invalid_union") {
    const inner = issue.errors.flat().toSorted((left, right) => right.path.length - left.path.length)[0];
    if (inner !== undefined)
      return issueText(inner, [...path, ...inner.path.map((part) => (typeof part === "number" ? part : String(part)))]);
    if (issue.discriminator !== undefined) return { path, message: "is not one of the types that there are" };
  }
  if (issue.code === "invalid_type" && issue.message.endsWith("received undefined")) return { path, message: "is required" };
  if (issue.code === "too_small" && issue.origin === "string" && issue.minimum === 1) return { path, message: "must not be empty" };
  return {
    path,
    message: issue.message
      .replace(/^Invalid (?:input|option|string|key in record): /, "")
      .replace(/^Invalid (?:input|key in record)$/, "is not valid"),
  };
}
