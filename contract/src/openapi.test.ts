import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { documentedMethod, OPERATION_LIST, OPERATIONS, renderOpenapi } from "./index.ts";
import { SchemaRenderer } from "./json-schema.ts";

const document = renderOpenapi("0.1.0");

test("openapi.json at the root is what the contract renders", () => {
  const committed: unknown = JSON.parse(readFileSync(new URL("../../openapi.json", import.meta.url), "utf8"));
  assert.deepEqual(committed, JSON.parse(JSON.stringify(document)), "stale: npm run generate");
});

test("every operation is in the document, under its path and method, with its own id", () => {
  const ids = Object.values(document.paths).flatMap((methods) => Object.values(methods).map((operation) => operation.operationId));
  assert.deepEqual(ids.toSorted(), OPERATION_LIST.map((operation) => operation.id).toSorted());
  for (const [id, operation] of Object.entries(OPERATIONS)) {
    assert.equal(operation.id, id);
    assert.equal(document.paths[operation.path]?.[documentedMethod(operation)]?.operationId, id);
  }
});

test("every reference leads to a component, and every component is referred to", () => {
  const text = JSON.stringify(document);
  const referred = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1] ?? ""));
  assert.deepEqual(
    [...referred].toSorted((a, b) => a.localeCompare(b)),
    Object.keys(document.components.schemas).toSorted((a, b) => a.localeCompare(b)),
  );
  assert.equal(text.includes("$defs"), false);
});

test("every path parameter is described and required", () => {
  for (const [path, methods] of Object.entries(document.paths)) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    for (const operation of Object.values(methods)) {
      const listed = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
      assert.deepEqual(
        listed.map((parameter) => parameter.name),
        named,
        operation.operationId,
      );
      assert.ok(listed.every((parameter) => parameter.required));
    }
  }
});

test("every JSON answer with a body shows an example that its own schema accepts", () => {
  const exempt = new Set(["getOpenapi"]);
  let seen = 0;
  for (const operation of OPERATION_LIST) {
    for (const answer of Object.values(operation.answers)) {
      if (answer.schema === null || answer.contentType !== undefined || exempt.has(operation.id)) continue;
      assert.ok(answer.example !== undefined, `${operation.id} has no example`);
      assert.doesNotThrow(() => answer.schema?.parse(answer.example), operation.id);
      seen += 1;
    }
  }
  assert.ok(seen >= 14, `only ${seen} examples were looked at`);
});

test("what a caller may leave out is not required of it, and answers may gain fields", () => {
  const schemas = new SchemaRenderer();
  schemas.render(OPERATIONS.createCapsule.body, "input");
  schemas.render(OPERATIONS.getCapsule.answers[200].schema, "output");
  assert.deepEqual(schemas.components["CapsuleCreate"]?.required ?? [], []);
  assert.equal(schemas.components["Capsule"]?.additionalProperties, undefined);
  assert.ok(schemas.components["Capsule"]?.required?.includes("started_at"));
});

test("sockets state what both sides may send and how they close", () => {
  const socket = document.paths["/v1/capsules/{id}/exec/stream"]?.["get"]?.["x-websocket"];
  assert.deepEqual(socket?.first, { $ref: "#/components/schemas/StreamStart" });
  assert.deepEqual(socket?.server, { $ref: "#/components/schemas/StreamServerMessage" });
  assert.equal(socket?.close_codes["4000"], "slow_consumer");
});

test("examples of bodies and of socket messages are accepted by their own schemas", () => {
  let seen = 0;
  for (const operation of OPERATION_LIST) {
    if (operation.bodyExample !== undefined) {
      assert.doesNotThrow(() => operation.body?.parse(operation.bodyExample), operation.id);
      seen += 1;
    }
    for (const [index, { from, message }] of (operation.socket?.example ?? []).entries()) {
      const clientSchema = index === 0 ? operation.socket?.first : operation.socket?.client;
      assert.doesNotThrow(() => (from === "server" ? operation.socket?.server : clientSchema)?.parse(message), `${operation.id} ${index}`);
      seen += 1;
    }
  }
  assert.ok(seen >= 12, `only ${seen} examples were looked at`);
});
