import assert from "node:assert/strict";
import { test } from "node:test";
import { call, errorOf } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";

test("a policy that means nothing is a 400 that names the field", async () => {
  await using capsule = await newCapsule({ network: { egress: "none" } });
  const bad: readonly unknown[] = [
    "some",
    {},
    { allow: ["*"] },
    { allow: ["example"] },
    { allow: ["a b.example"] },
    { allow: ["one.example; drop"] },
    { allow: ["10.0.0.0/33"] },
    { allow: ["2001:db8::/129"] },
    { allow: ["300.1.1.1"] },
    { allow: [{ to: "one.example", ports: [0] }] },
    { allow: [{ to: "one.example", ports: ["90-80"] }] },
    { allow: [{ to: "one.example", ports: ["80-65536"] }] },
    { allow: [{ to: "one.example", ports: Array.from({ length: 17 }, (_, i) => i + 1) }] },
    { allow: Array.from({ length: 65 }, (_, i) => `10.0.0.${i}`) },
    { allow: [`${"a.".repeat(150)}example`] },
  ];
  for (const egress of bad) {
    const answer = await call("setCapsuleNetwork", { params: { id: capsule.id }, body: { egress } });
    assert.equal(answer.status, 400, JSON.stringify(egress));
    assert.match(JSON.stringify(answer.body), /egress/, JSON.stringify(egress));
  }
  for (const egress of ["some", [], null]) {
    const { body } = await call("setCapsuleNetwork", { params: { id: capsule.id }, body: { egress } });
    assert.equal(errorOf(body).message, "egress: must be none, allow or an object with fields", JSON.stringify(egress));
  }
  assert.deepEqual((await capsule.get()).network, { egress: "none" });
});
