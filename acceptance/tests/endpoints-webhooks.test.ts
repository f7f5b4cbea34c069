import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import { errorOf, jsonAt } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { publish, runEnded, someName } from "../harness/endpoint.ts";
import type { TestEndpoint } from "../harness/endpoint.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

const SECRET = "a-secret-of-two-parties";
const BODY = '{ "id": "evt_1",  "type":"push", "action":"opened", "text":"ünïcödé" }\n';

type Headers = Readonly<Record<string, string>>;
const now = (): number => Math.floor(Date.now() / 1000);
const mac = (text: string, encoding: "hex" | "base64", secret = SECRET): string =>
  createHmac("sha256", secret).update(text).digest(encoding);

/** Each provider's headers over a body, as it sends them. */
const SIGN = {
  github: (body: string, secret = SECRET): Headers => ({
    "x-hub-signature-256": `sha256=${mac(body, "hex", secret)}`,
    "x-github-event": "push",
  }),
  stripe: (body: string, secret = SECRET, at = now()): Headers => ({
    "stripe-signature": `t=${at},v1=${mac(`${at}.${body}`, "hex", secret)}`,
  }),
  shopify: (body: string, secret = SECRET): Headers => ({
    "x-shopify-hmac-sha256": mac(body, "base64", secret),
    "x-shopify-topic": "push",
  }),
  generic: (body: string, secret = SECRET, at = now()): Headers => ({
    "webhook-id": "msg_1",
    "webhook-timestamp": `${at}`,
    "webhook-signature": `v1,${mac(`msg_1.${at}.${body}`, "base64", secret)}`,
  }),
};

function runIdOf(text: string): string {
  return String(jsonAt(text, "run_id"));
}

function hook(fields: Readonly<Record<string, unknown>> = {}): Promise<TestEndpoint> {
  return publish({ command: "cat", trigger: "webhook", public: true, secret: SECRET, async: false, capsule: capsule.id, ...fields });
}

/** Sends a delivery as a provider does: without a key. */
async function deliver(endpoint: TestEndpoint, headers: Headers, body = BODY): Promise<{ readonly status: number; readonly text: string }> {
  const response = await endpoint.call({
    key: null,
    body,
    headers: { accept: "application/json", "content-type": "application/json", ...headers },
  });
  return { status: response.status, text: await response.text() };
}

for (const source of ["github", "stripe", "shopify", "generic"] as const) {
  test(`a ${source} delivery that is signed runs the command with the raw body on standard input; without a key`, async () => {
    await using one = await hook({ webhook_source: source });
    const { status, text } = await deliver(one, SIGN[source](BODY));
    assert.equal(status, 200, text);
    assert.equal(jsonAt(text, "output"), BODY, "byte for byte as it was signed");
    const [run] = await one.runs();
    assert.equal(run?.source, "webhook");
    assert.equal(run?.key_id, null);
  });

  test(`a ${source} delivery that is not, wrongly or otherwise signed is a 401 and runs nothing`, async () => {
    await using one = await hook({ webhook_source: source });
    const good = SIGN[source](BODY);
    const broken = Object.fromEntries(
      Object.entries(good).map(([name, value]) => [name, /signature|hmac/.test(name) ? `${value.slice(0, -6)}AAAAAA` : value]),
    );
    for (const [what, headers, body] of [
      ["no signature", {}, BODY],
      ["another secret", SIGN[source](BODY, "another-secret"), BODY],
      ["another body", good, `${BODY} `],
      ["the same JSON in other bytes", good, JSON.stringify(JSON.parse(BODY))],
      ["a broken signature", broken, BODY],
      ["an empty body", good, ""],
    ] as const) {
      const { status, text } = await deliver(one, headers, body);
      assert.equal(status, 401, `${what}: ${text}`);
      const { code, message } = errorOf(JSON.parse(text));
      assert.equal(code, "invalid_signature", what);
      assert.ok(!text.includes(mac(body, "hex")) && !message.includes(mac(body, "base64")), "the right signature is not told");
    }
    assert.deepEqual(await one.runs(), []);
  });
}

test("a delivery whose signed time is more than 5 minutes away is refused, in either direction; one just within is taken", async () => {
  await using stripe = await hook({ webhook_source: "stripe" });
  await using generic = await hook({});
  for (const [offset, expected] of [
    [-290, 200],
    [290, 200],
    [-320, 401],
    [320, 401],
  ] as const) {
    assert.equal((await deliver(stripe, SIGN.stripe(BODY, SECRET, now() + offset))).status, expected, `stripe ${offset}`);
    assert.equal((await deliver(generic, { ...SIGN.generic(BODY, SECRET, now() + offset) })).status, expected, `generic ${offset}`);
  }
});

test("while a secret is exchanged for another both are taken, and the one that has gone is not any more", async () => {
  await using one = await hook({ webhook_source: "github", secret: ["the-old-secret", "$NEXT"], envs: { NEXT: "the-new-secret" } });
  assert.equal((await deliver(one, SIGN.github(BODY, "the-old-secret"))).status, 200);
  assert.equal((await deliver(one, SIGN.github(BODY, "the-new-secret"))).status, 200);
  await one.put({
    command: "cat",
    trigger: "webhook",
    public: true,
    webhook_source: "github",
    secret: "the-new-secret",
    async: false,
    capsule: capsule.id,
  });
  assert.equal((await deliver(one, SIGN.github(BODY, "the-old-secret"))).status, 401);
  assert.equal((await deliver(one, SIGN.github(BODY, "the-new-secret"))).status, 200);
});

test("the documented generic form, sha256= and hex over the body, is taken too", async () => {
  await using one = await hook({});
  assert.equal((await deliver(one, { "x-signature-256": `sha256=${mac(BODY, "hex")}` })).status, 200);
  assert.equal((await deliver(one, { "x-signature-256": `sha256=${mac(BODY, "hex", "other-secret")}` })).status, 401);
});

test("an event that the endpoint does not ask for is acknowledged and runs nothing", async () => {
  for (const [source, headers, other] of [
    ["github", SIGN.github(BODY), { ...SIGN.github(BODY), "x-github-event": "star" }],
    ["shopify", SIGN.shopify(BODY), { ...SIGN.shopify(BODY), "x-shopify-topic": "orders/create" }],
  ] as const) {
    await using one = await hook({ webhook_source: source, webhook_events: ["push"] });
    const ignored = await deliver(one, other);
    assert.equal(ignored.status, 200);
    assert.equal(jsonAt(ignored.text, "ignored"), true);
    assert.deepEqual(await one.runs(), []);
    assert.equal(jsonAt((await deliver(one, headers)).text, "output"), BODY);
    assert.equal(
      (await deliver(one, { ...other, "x-hub-signature-256": "sha256=00", "x-shopify-hmac-sha256": "AAAA" })).status,
      401,
      "a filter is no way around",
    );
  }
  await using typed = await hook({ webhook_source: "stripe", webhook_events: ["invoice.paid"] });
  assert.equal(jsonAt((await deliver(typed, SIGN.stripe(BODY))).text, "ignored"), true);
});

test("a webhook answers 202 with the run's id by default, and the run has the outcome", async () => {
  await using one = await hook({ async: undefined, webhook_source: "github", command: `sh -c 'cat; sleep 0.3; exit 2'` });
  const { status, text } = await deliver(one, SIGN.github(BODY));
  assert.equal(status, 202, text);
  const ended = await runEnded(runIdOf(text));
  assert.equal(ended.exit_code, 2);
  assert.equal(ended.output, BODY);
});

test("attempts at one delivery run once, also when they come at the same time; another delivery runs again", async () => {
  await using one = await hook({
    async: true,
    webhook_source: "github",
    command: `sh -c 'echo x >> "/root/$0"'`,
    args: [{ name: "file" }],
  });
  const file = someName();
  const send = (id: string): Promise<string> =>
    one
      .call({ key: null, body: BODY, query: { file }, headers: { ...SIGN.github(BODY), "x-github-delivery": id } })
      .then(async (response) => runIdOf(await response.text()));
  const ids = await Promise.all(Array.from({ length: 8 }, () => send("72d3162e-cc78")));
  assert.equal(new Set(ids).size, 1, ids.join(" "));
  const ended = await runEnded(ids[0] ?? "");
  assert.equal(ended.delivery_id, "72d3162e-cc78");
  assert.equal(await send("72d3162e-cc78"), ids[0], "and after its end");
  const other = await send("another");
  assert.notEqual(other, ids[0]);
  await runEnded(other);
  assert.equal((await capsule.sh(`wc -l < /root/${file}`)).stdout.trim(), "2");
  assert.equal((await one.runs()).length, 2);
});

test("deliveries of each provider are told apart by the id that it gives", async () => {
  for (const [source, headers, id] of [
    ["shopify", { ...SIGN.shopify(BODY), "x-shopify-webhook-id": "shop-1" }, "shop-1"],
    ["stripe", SIGN.stripe(BODY), "evt_1"],
    ["generic", SIGN.generic(BODY), "msg_1"],
  ] as const) {
    await using one = await hook({ webhook_source: source, async: true });
    const first = await deliver(one, headers);
    const second = await deliver(one, headers);
    assert.equal(jsonAt(first.text, "run_id"), jsonAt(second.text, "run_id"), source);
    assert.equal((await runEnded(runIdOf(first.text))).delivery_id, id);
  }
});

test("a private webhook needs a key as well as its signature", async () => {
  await using one = await hook({ public: false, webhook_source: "github" });
  assert.equal((await deliver(one, SIGN.github(BODY))).status, 401);
  const response = await one.call({ body: BODY, headers: { accept: "application/json", ...SIGN.github(BODY) } });
  assert.equal(response.status, 200, await response.text());
  const unsigned = await one.call({ body: BODY });
  assert.equal(unsigned.status, 401, await unsigned.text());
});

test("a body that is too large is refused before anything is made of it", async () => {
  await using one = await hook({ webhook_source: "github" });
  const large = "x".repeat(3 << 20);
  const { status } = await deliver(one, SIGN.github(large), large);
  assert.equal(status, 413);
  assert.deepEqual(await one.runs(), []);
});
