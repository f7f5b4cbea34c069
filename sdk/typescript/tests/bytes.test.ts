import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { fromBase64, toBase64 } from "../src/transport/bytes.ts";
import { PlainSha256, sha256 } from "../src/transport/sha256.ts";

const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });

test("the SHA-256 for browsers gives what Node's does, whatever the pieces", () => {
  fc.assert(
    fc.property(pieces, (parts) => {
      const own = new PlainSha256();
      const runtime = sha256();
      const expected = createHash("sha256");
      for (const part of parts) {
        own.update(part);
        runtime.update(part);
        expected.update(part);
      }
      const digest = expected.digest("hex");
      assert.equal(own.digest(), digest);
      assert.equal(runtime.digest(), digest);
    }),
  );
});

test("base64 gives back every byte", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => assert.deepEqual(new Uint8Array(fromBase64(toBase64(bytes))), bytes)),
  );
});
