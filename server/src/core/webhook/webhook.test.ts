import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import test from "node:test";
import type { WebhookSource } from "@capsuled/contract";
import fc from "fast-check";
import { nodeHmac } from "../../lib/node/hmac.ts";
import { areEqual, bytesOf, bytesOfBase64, bytesOfHex } from "./bytes.ts";
import type { Delivery } from "./delivery.ts";
import { deliveryIdOf, eventNamesOf } from "./event.ts";
import type { Fault } from "./verify.ts";
import { TOLERANCE_SEC, verifyDelivery } from "./verify.ts";

const NOW_SEC = 1_790_000_000;
const SECRET = "it's a secret to everybody";
const BODY = '{"id":"evt_1","type":"push","action":"opened"}';

function delivery(headers: Readonly<Record<string, string>>, body: string | Uint8Array = BODY): Delivery {
  return { header: (name) => headers[name], body: typeof body === "string" ? bytesOf(body) : body };
}

function mac(text: string, encoding: "hex" | "base64", secret: string | Buffer = SECRET): string {
  return createHmac("sha256", secret).update(text).digest(encoding);
}

function verify(source: WebhookSource, given: Delivery, secrets: readonly string[] = [SECRET]): Fault {
  return verifyDelivery(source, given, secrets, NOW_SEC * 1000, nodeHmac);
}

const stripeHeader = (time: number, body = BODY, secret = SECRET): string => `t=${time},v1=${mac(`${time}.${body}`, "hex", secret)},v0=00`;
const standardHeaders = (time: number, key: string | Buffer = SECRET, body = BODY): Record<string, string> => ({
  "webhook-id": "msg_1",
  "webhook-timestamp": String(time),
  "webhook-signature": `v1,${mac(`msg_1.${time}.${body}`, "base64", key)}`,
});

/** A well signed delivery of each scheme. */
const GOOD: readonly { readonly name: string; readonly source: WebhookSource; readonly headers: Readonly<Record<string, string>> }[] = [
  { name: "github", source: "github", headers: { "x-hub-signature-256": `sha256=${mac(BODY, "hex")}` } },
  { name: "stripe", source: "stripe", headers: { "stripe-signature": stripeHeader(NOW_SEC) } },
  { name: "shopify", source: "shopify", headers: { "x-shopify-hmac-sha256": mac(BODY, "base64") } },
  { name: "standard webhooks", source: "generic", headers: standardHeaders(NOW_SEC) },
  { name: "generic, X-Signature-256", source: "generic", headers: { "x-signature-256": `sha256=${mac(BODY, "hex")}` } },
  { name: "generic, X-Hub-Signature-256", source: "generic", headers: { "x-hub-signature-256": `sha256=${mac(BODY, "hex")}` } },
];

for (const { name, source, headers } of GOOD) {
  test(`${name}: the right signature passes, and any other byte, secret or body does not`, () => {
    assert.equal(verify(source, delivery(headers)), null);
    assert.equal(verify(source, delivery(headers), ["another secret", SECRET]), null, "several secrets");
    assert.equal(verify(source, delivery(headers), ["another secret"]), "wrong");
    assert.equal(verify(source, delivery(headers), []), "wrong", "no secret fits nothing");
    assert.equal(verify(source, delivery(headers, `${BODY} `)), "wrong");
    assert.equal(verify(source, delivery({})), "missing");
    for (const [header, value] of Object.entries(headers)) {
      for (let at = 0; at < value.length; at += 1) {
        const changed = value.slice(0, at) + (value[at] === "0" ? "1" : "0") + value.slice(at + 1);
        // A change in what is not looked at (stripe's v0) or that means the same bytes (base64's last digit, hex's case) may pass.
        const fault = verify(source, delivery({ ...headers, [header]: changed }));
        if (fault === null) assert.ok(source === "stripe" ? at > value.indexOf(",v0") : value.endsWith("="), `${header} ${at}`);
      }
    }
  });
}

test("a signature is over the raw bytes, also where they are no text", () => {
  const body = Uint8Array.from([0, 255, 254, 10, 13]);
  const signature = createHmac("sha256", SECRET).update(body).digest("hex");
  assert.equal(verify("github", delivery({ "x-hub-signature-256": `sha256=${signature}` }, body)), null);
});

test(`a signed time more than ${TOLERANCE_SEC} s away in either direction is too old`, () => {
  for (const [offset, fault] of [
    [0, null],
    [TOLERANCE_SEC, null],
    [-TOLERANCE_SEC, null],
    [TOLERANCE_SEC + 1, "too old"],
    [-TOLERANCE_SEC - 1, "too old"],
  ] as const) {
    assert.equal(verify("stripe", delivery({ "stripe-signature": stripeHeader(NOW_SEC + offset) })), fault, `stripe ${offset}`);
    assert.equal(verify("generic", delivery(standardHeaders(NOW_SEC + offset))), fault, `generic ${offset}`);
  }
});

test("a delivery with a timed signature is not judged by the one without a time", () => {
  const old = standardHeaders(NOW_SEC - 1000);
  assert.equal(verify("generic", delivery({ ...old, "x-signature-256": `sha256=${mac(BODY, "hex")}` })), "too old");
});

test("of several signatures one has to fit; a secret with whsec_ is base64", () => {
  const key = Buffer.from("0123456789abcdef0123456789abcdef");
  const secret = `whsec_${key.toString("base64")}`;
  const good = standardHeaders(NOW_SEC, key);
  const several = { ...good, "webhook-signature": `v1a,xxxx v1,${mac("other", "base64")} ${good["webhook-signature"] ?? ""}` };
  assert.equal(verify("generic", delivery(several), [secret]), null);
  assert.equal(verify("generic", delivery(several), [SECRET, secret]), null);
  const time = NOW_SEC;
  const rolled = `t=${time},v1=${mac(`${time}.${BODY}`, "hex", "old secret")},v1=${mac(`${time}.${BODY}`, "hex")}`;
  assert.equal(verify("stripe", delivery({ "stripe-signature": rolled })), null);
});

test("a published example of Standard Webhooks passes", () => {
  const given: Delivery = delivery(
    {
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    '{"test": 2432232314}',
  );
  assert.equal(verifyDelivery("generic", given, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], 1_614_265_330_000, nodeHmac), null);
});

test("malformed signatures are refused, whatever they are, and never throw", () => {
  const sources = fc.constantFrom<WebhookSource>("github", "stripe", "shopify", "generic");
  const text = fc.oneof(
    fc.string(),
    fc.string().map((rest) => `sha256=${rest}`),
    fc.string().map((rest) => `t=${NOW_SEC},v1=${rest}`),
    fc.constantFrom("t=1,t=2,v1=00", `t=${NOW_SEC}`, "v1,", "v1,====", "sha256=", "sha256=0", `t=${"9".repeat(400)},v1=00`),
  );
  fc.assert(
    fc.property(sources, text, text, (source, signature, time) => {
      const headers = {
        "x-hub-signature-256": signature,
        "stripe-signature": signature,
        "x-shopify-hmac-sha256": signature,
        "webhook-signature": signature,
        "webhook-id": "a",
        "webhook-timestamp": time,
      };
      assert.notEqual(verify(source, delivery(headers)), null);
    }),
  );
});

test("bytes: hex and base64 are read back, and nothing else is taken for them", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (left, right) => {
      assert.deepEqual(bytesOfHex(Buffer.from(left).toString("hex")), left);
      assert.deepEqual(bytesOfBase64(Buffer.from(left).toString("base64")), left);
      assert.equal(areEqual(left, right), Buffer.from(left).equals(right));
      assert.equal(areEqual(left, Uint8Array.from(left)), true);
    }),
  );
  for (const text of ["0", "zz", "0 "]) assert.equal(bytesOfHex(text), null);
  for (const text of ["a", "ab=c", "a===", "ab c", "_-_-"]) assert.equal(bytesOfBase64(text), null);
});

test("events and delivery ids are found where each sender puts them", () => {
  const github = delivery({ "x-github-event": "pull_request", "x-github-delivery": "72d3162e" });
  assert.deepEqual(eventNamesOf("github", github), ["pull_request", "pull_request.opened"]);
  assert.equal(deliveryIdOf("github", github), "72d3162e");
  const shopify = delivery({ "x-shopify-topic": "orders/create", "x-shopify-webhook-id": "b54557e4" });
  assert.deepEqual(eventNamesOf("shopify", shopify), ["orders/create"]);
  assert.equal(deliveryIdOf("shopify", shopify), "b54557e4");
  assert.deepEqual(eventNamesOf("stripe", delivery({})), ["push"]);
  assert.equal(deliveryIdOf("stripe", delivery({})), "evt_1");
  assert.deepEqual(eventNamesOf("generic", delivery({ "webhook-id": "msg_1" })), ["push"]);
  assert.equal(deliveryIdOf("generic", delivery({ "webhook-id": "msg_1" })), "msg_1");
});

test("a body that says nothing has no event and no id", () => {
  for (const body of ["", "{", "[]", "null", '{"type":1,"id":{}}', Uint8Array.from([255])]) {
    for (const source of ["stripe", "generic"] as const) {
      assert.deepEqual(eventNamesOf(source, delivery({}, body)), []);
      assert.equal(deliveryIdOf(source, delivery({}, body)), null);
    }
  }
});
