import { LIMITS } from "@capsuled/contract";
import type { Operation } from "@capsuled/contract";
import fc from "fast-check";
import { z } from "zod";

/** Texts as hostile callers send them: NUL, dots, shell characters, broken pairs, long ones. */
export function junkText(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.string({ unit: "binary", maxLength: 40 }).map((text) => text.toWellFormed()),
    fc.constantFrom(
      "..",
      "../../etc/passwd",
      "\0",
      "a\0b",
      "$(id)",
      "`id`",
      "'; drop table capsules; --",
      "%00",
      "%2e%2e",
      "\u{1F600}",
      "\r\nx: y",
      "__proto__",
      "constructor",
      "-1",
      "1e309",
      "null",
      "{}",
      "x".repeat(190),
    ),
  );
}

/** Any JSON value at all. */
function junk(): fc.Arbitrary<unknown> {
  return fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    junkText(),
    fc.constantFrom(null, true, -1, 0, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, [], {}, ""),
  );
}

/**
 * Bodies for an operation, made from its own schema: each field left out, right, at its bounds or junk; and bodies that are no object.
 * What is right stays small and quick, since it is carried out.
 */
export function bodies(operation: Operation): fc.Arbitrary<unknown> {
  const schema: unknown = operation.body === null ? {} : z.toJSONSchema(operation.body, { io: "input", unrepresentable: "any" });
  const properties = objectOf(objectOf(schema)["properties"]);
  const fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [name, fieldValue(operation.id, name, objectOf(field))]),
  );
  const { ["cmd"]: cmd, ...optional }: Readonly<Record<string, fc.Arbitrary<unknown>>> = { ...fields, unknown_field: junk() };
  const rest = fc.record(optional, { requiredKeys: [] });
  const object = cmd === undefined ? rest : fc.tuple(cmd, rest).map(([value, others]) => ({ cmd: value, ...others }));
  return fc.oneof({ weight: 8, arbitrary: object }, { weight: 1, arbitrary: junk() });
}

function fieldValue(operation: string, name: string, schema: Readonly<Record<string, unknown>>): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 5, arbitrary: right(operation, name) },
    { weight: 2, arbitrary: atBounds(schema) },
    { weight: 2, arbitrary: junk() },
  );
}

/** Right values, by name, that do little work. */
function right(operation: string, name: string): fc.Arbitrary<unknown> {
  switch (name) {
    case "cmd":
      return fc.constantFrom("true", "false", "echo", "no-such-program", "/usr/bin/env", "printf");
    case "args":
      return fc.array(junkText(), { maxLength: 5 });
    case "envs":
    case "metadata":
      return fc.dictionary(junkText(), junkText(), { maxKeys: 4 });
    case "timeout":
    case "timeout_sec":
      return operation === "createCapsule" ? fc.integer({ min: 0, max: 4000 }) : fc.integer({ min: 1, max: 20 });
    case "wait_ms":
      return fc.integer({ min: 0, max: 3000 });
    case "vcpus":
      return fc.constant(1);
    case "memory_mb":
    case "disk_mb":
      return fc.integer({ min: 32, max: 256 });
    case "template":
      return fc.constant("minimal");
    case "background":
    case "busy":
      return fc.boolean();
    case "encoding":
    case "stdin_encoding":
      return fc.constantFrom("utf-8", "base64");
    case "cwd":
      return fc.constantFrom("/", "/tmp", "~", "sub/dir", "/nowhere");
    default:
      return junkText();
  }
}

/** Values at and just beyond the bounds that the schema states. */
function atBounds(schema: Readonly<Record<string, unknown>>): fc.Arbitrary<unknown> {
  const found: unknown[] = [null];
  for (const part of [schema, ...listOf(schema["anyOf"]), ...listOf(schema["oneOf"])].map(objectOf)) {
    for (const [bound, step] of [
      ["minimum", -1],
      ["maximum", 1],
    ] as const) {
      const value = part[bound];
      if (typeof value === "number") found.push(value + step);
    }
    const longest = part["maxLength"];
    if (typeof longest === "number") found.push("x".repeat(Math.min(longest, LIMITS.pathCharsMax * 4) + 1));
  }
  return fc.constantFrom(...found);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
