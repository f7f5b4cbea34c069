import assert from "node:assert/strict";
import { test } from "node:test";
import { hostOnly, ourCookies, withoutOurCookies } from "./cookies.ts";
import { splitToken } from "./token.ts";

test("our cookies are found, be there several, and never passed on", () => {
  const header = "a=1; capsuled_port=x; b=capsuled_port=y; capsuled_port=z;capsuled_port =w; capsuled_ports=kept";
  assert.deepEqual(ourCookies(header), ["x", "z", "w"]);
  assert.equal(withoutOurCookies(header), "a=1; b=capsuled_port=y; capsuled_ports=kept");
  assert.equal(withoutOurCookies("capsuled_port=x"), "");
});

test("a capsule sets cookies for its port's own host name only, and none of ours", () => {
  assert.equal(hostOnly("a=1; Path=/; Domain=localhost; HttpOnly"), "a=1; Path=/; HttpOnly");
  assert.equal(hostOnly("a=1;domain = .example.com;Secure"), "a=1;Secure");
  assert.equal(hostOnly("a=1; DOMAIN"), "a=1");
  assert.equal(hostOnly("domain=1; Path=/"), "domain=1; Path=/", "its own name is no attribute");
  assert.equal(hostOnly("capsuled_port=x; Path=/"), null);
  assert.equal(hostOnly(" capsuled_port =x"), null);
});

test("the token is taken out of the query, and the rest stays as it was written", () => {
  assert.deepEqual(splitToken("/a?b=%20&capsuled_token=t&c"), { url: "/a?b=%20&c", token: "t" });
  assert.deepEqual(splitToken("/a?capsuled_token=t"), { url: "/a", token: "t" });
  assert.deepEqual(splitToken("/a?x=capsuled_token=t"), { url: "/a?x=capsuled_token=t", token: null });
  assert.deepEqual(splitToken("/capsuled_token=t"), { url: "/capsuled_token=t", token: null });
});
