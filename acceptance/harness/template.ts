import assert from "node:assert/strict";
import { expectCall } from "./call.ts";
import type { Capsule } from "./capsule.ts";
import { capsuleOf } from "./capsule.ts";
import { waitUntil } from "./wait.ts";

/** A capsule of a built-in template whose build a create begins, once that is ready and it runs. */
export async function firstCapsuleOf(template: string, timeoutMs: number): Promise<ReturnType<typeof capsuleOf>> {
  const { id } = await expectCall("createCapsule", 201, { body: { template, wait_ms: 0 } });
  const running = async (): Promise<Capsule | undefined> => {
    const now = await expectCall("getCapsule", 200, { params: { id } });
    assert.notEqual(now.status, "error", now.message ?? "");
    return now.status === "running" ? now : undefined;
  };
  return capsuleOf(await waitUntil(running, { what: `a capsule of ${template}`, timeoutMs, everyMs: 250 }));
}

/** Resolves when a built-in template is built. */
export async function templateReady(template: string, timeoutMs: number): Promise<void> {
  await using capsule = await firstCapsuleOf(template, timeoutMs);
  assert.equal(capsule.created.template, template);
}
