import assert from "node:assert/strict";
import { test } from "node:test";
import type * as contract from "@capsuled/contract";
import { ERRORS, OPERATION_LIST } from "@capsuled/contract";
import type { z } from "zod";
import { apiErrorOf, ApiError } from "../src/api-errors.ts";
import type * as schemas from "../src/contract/schemas.ts";

/** Compiles only where each may stand for the other. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
/** Compiles only where what the SDK takes is what the API takes. */
type Taken<A, B> = [A] extends [B] ? true : never;

/** The checker is what proves these; there is nothing to run. */
export const answers: readonly true[] = [
  true satisfies Same<schemas.Capsule, z.output<typeof contract.capsule>>,
  true satisfies Same<schemas.ExecResult, z.output<typeof contract.execResult>>,
  true satisfies Same<schemas.ExecStarted, z.output<typeof contract.execStarted>>,
  true satisfies Same<schemas.Process, z.output<typeof contract.processInfo>>,
  true satisfies Same<schemas.ProcessFacts, z.output<typeof contract.processFacts>>,
  true satisfies Same<schemas.StreamServerMessage, contract.ServerMessage>,
  true satisfies Same<schemas.TerminalServerMessage, contract.TerminalServerMessage>,
  true satisfies Same<schemas.Run, z.output<typeof contract.run>>,
  true satisfies Same<schemas.RunWithOutput, z.output<typeof contract.runWithOutput>>,
  true satisfies Same<schemas.CallResult, z.output<typeof contract.callResult>>,
  true satisfies Same<schemas.CallEvent, z.output<typeof contract.callEvent>>,
  true satisfies Taken<z.output<typeof contract.eventSchema>, schemas.Event>,
  true satisfies Same<schemas.NetworkReport, z.output<typeof contract.networkReport>>,
];

export const requests: readonly true[] = [
  true satisfies Taken<schemas.CapsuleCreate, z.input<typeof contract.capsuleCreate>>,
  true satisfies Taken<schemas.ExecRequest, z.input<typeof contract.execRequest>>,
  true satisfies Taken<Omit<schemas.EndpointPut, "stdin">, Omit<z.input<typeof contract.endpointPut>, "stdin">>,
  true satisfies Taken<schemas.StreamStart, z.input<typeof contract.startMessage>>,
  true satisfies Taken<schemas.NetworkPolicy, z.input<typeof contract.networkPolicy>>,
];

test("every code of the catalogue has an error class of its own", () => {
  const classes = Object.entries(ERRORS).map(([code, { status, message }]) => {
    const error = apiErrorOf({ status, code, message, requestId: null, details: {}, retryAfterSec: null });
    assert.ok(error instanceof ApiError && error.constructor !== ApiError, `${code} has no class`);
    assert.equal(error.name, error.constructor.name);
    return error.constructor;
  });
  assert.equal(new Set(classes).size, classes.length, "two codes have one class");
  assert.ok(OPERATION_LIST.length > 0);
});
