import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionFailure } from "../src/transport/failure.ts";

/** As `fetch` throws it: the cause has the code. */
const failed = (code: string): Error =>
  new TypeError("fetch failed", { cause: Object.assign(new Error(`what the runtime says of ${code}`), { code }) });

test("why no server answers is told by its cause, with what to do about that", () => {
  const near = "http://127.0.0.1:8080";
  const far = "https://capsules.test";
  for (const [code, url, due] of [
    ["ECONNREFUSED", near, /the connection was refused\. Is it running\? `capsuled start` starts one/],
    ["ECONNREFUSED", far, /Is it running there, on that port, .*CAPSULED_HOST/],
    ["ENOTFOUND", far, /there is no host of that name\. Check CAPSULED_URL/],
    ["EAI_AGAIN", far, /the name service does not answer/],
    ["EHOSTUNREACH", far, /the host cannot be reached \(EHOSTUNREACH\)/],
    ["UND_ERR_CONNECT_TIMEOUT", far, /the host cannot be reached .*firewall/],
    ["CERT_HAS_EXPIRED", far, /its certificate has expired/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", far, /its certificate is for other names/],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", far, /signed by nobody whom this machine trusts .*NODE_EXTRA_CA_CERTS/],
    ["SELF_SIGNED_CERT_IN_CHAIN", far, /NODE_EXTRA_CA_CERTS/],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", far, /NODE_EXTRA_CA_CERTS/],
    ["ERR_SSL_WRONG_VERSION_NUMBER", far, /it does not speak TLS\. CAPSULED_URL begins with http:/],
    ["EACCES", far, /what the runtime says of EACCES \(EACCES\)\. CAPSULED_URL/],
  ] as const) {
    const { message, outcome } = connectionFailure(failed(code), url);
    assert.equal(outcome, "nothing_done", code);
    assert.ok(message.startsWith(`No server answers at ${url}: `), message);
    assert.match(message, due);
    if (url === far) assert.doesNotMatch(message, /capsuled start/, "nothing is started elsewhere");
  }
  const broken = connectionFailure(failed("ECONNRESET"), near);
  assert.deepEqual([broken.outcome, /broke before/.test(broken.message)], ["unknown", true]);
});
