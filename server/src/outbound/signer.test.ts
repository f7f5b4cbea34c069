import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { retryAfterMs } from "./retry-after.ts";
import { createSigner } from "./signer.ts";

const key = new Uint8Array(32).fill(7);

test("a receiver that has the endpoint's secret can check the signature by the Standard Webhooks rule", () => {
  const signer = createSigner(key);
  const secret = signer.secretOf("ep-a");
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  const expected = createHmac("sha256", Buffer.from(secret.slice("whsec_".length), "base64"))
    .update('run-1.1700000000.{"é":1}')
    .digest("base64");
  assert.equal(signer.sign("ep-a", "run-1", 1_700_000_000, '{"é":1}'), `v1,${expected}`);
});

test("each endpoint has a secret of its own, which stays as long as the installation's key does", () => {
  const signer = createSigner(key);
  assert.notEqual(signer.secretOf("ep-a"), signer.secretOf("ep-b"));
  assert.equal(createSigner(new Uint8Array(key)).secretOf("ep-a"), signer.secretOf("ep-a"));
  assert.notEqual(createSigner(new Uint8Array(32).fill(8)).secretOf("ep-a"), signer.secretOf("ep-a"));
  const text = Buffer.from(signer.secretOf("ep-a").slice(6), "base64").toString("hex");
  assert.ok(!text.includes(Buffer.from(key).toString("hex")));
});

test("Retry-After is seconds or a date; everything else asks for nothing", () => {
  const now = Date.UTC(2026, 0, 1);
  assert.equal(retryAfterMs("120", now), 120_000);
  assert.equal(retryAfterMs(" 0 ", now), 0);
  assert.equal(retryAfterMs("Thu, 01 Jan 2026 00:00:30 GMT", now), 30_000);
  assert.equal(retryAfterMs("Thu, 01 Jan 2015 00:00:30 GMT", now), 0);
  for (const text of [undefined, "", "-1", "1.5", "soon", "99999999999999", "2026-01-01T00:00:30Z", "1e3"])
    assert.equal(retryAfterMs(text, now), null);
});
